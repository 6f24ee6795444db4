"""The rules of the protocol, each of which the model can be run without."""

from dataclasses import dataclass

__all__ = ["Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """All true: the protocol. One false: a draft of it, or a mistake."""

    check_after_copy: bool = True
    """A read looks at lease and term once its bytes are copied."""
    deadline_before_term: bool = True
    """... at the deadline first and at the term last."""
    lease_in_transaction: bool = True
    """A write looks at the lease inside its transaction."""
    wait_for_lease: bool = True
    """A member is removed only when its lease is over."""
    terms_before_lease: bool = True
    """Who rejoins clears its terms before it has a lease."""
    newer_views_only: bool = True
    """A view older than the installed one is not installed."""
    freeze: bool = True
    """Nothing is written to a partition that is being handed over."""
    fresh_terms: bool = True
    """A backup gets a term that was never given before."""
    promote_ready_only: bool = True
    """Only a backup that has everything becomes the owner."""
    request_term: bool = True
    """A request names the term it means."""
    copies_in_transaction: bool = True
    """The owner's commit looks whether the copies are still those it wrote to."""
    copy_terms: bool = True
    """A backup compares the terms of a message with those of its view."""
    raise_order: bool = True
    """A write that finds a newer one at the backup takes a higher order."""
    break_ties: bool = True
    """Equal orders are compared by token."""
    tokens: bool = True
    """A repeated write is recognised."""
    tokens_travel: bool = True
    """... at the backup and at the next owner too."""
    notes_have_terms: bool = True
    """... where, and as long as, what it wrote counts."""
    one_at_a_time: bool = True
    """A node works at one request of a token at a time."""
    lost_is_unknown: bool = True
    """A write that may have been lost with its owner is not made again."""
    absent_reaches_backup: bool = True
    """A write of an absent key goes to the backup where something is replicated."""
    tombstones: bool = True
    """A replicated delete leaves its order behind."""
    move_onto_copy: bool = True
    """A move to a backup is stored under that backup's term."""
    void_copies: bool = True
    """... and that term ends with a move that is dropped."""
