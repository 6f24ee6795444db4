"""Both sides of a new connection prove that they hold the grid's key.

::

    client -> magic, nonce, name        server -> nonce, proof
    client -> proof                     server -> welcome

Each proof is an HMAC-SHA256 over both nonces, the client's name and the side
that makes it, so that neither side's proof serves as the other's. Pieces have
fixed sizes, nothing is parsed before it is proven. What follows on the
connection is not encrypted.
"""

import hmac
import os
import socket
import time

__all__ = ["KEY_NBYTES", "AuthError", "admit", "introduce", "new_key", "welcome"]

KEY_NBYTES = 32
_MAGIC = b"gridcach"
_NONCE_NBYTES = 32
_NAME_NBYTES = 64
_PROOF_NBYTES = 32
_HELLO_NBYTES = _NONCE_NBYTES + _NAME_NBYTES
_WELCOME = b"+"
_RAGGED = "it hung up in the middle of what it had to say"
_SERVER, _CLIENT = b"server of a grid", b"client of a grid"


class AuthError(ConnectionError):
    """The peer did not prove that it holds the key. Stays in this package."""


def new_key() -> bytes:
    """Make a key for a grid."""
    return os.urandom(KEY_NBYTES)


def introduce(sock: socket.socket, key: bytes, name: str, timeout_s: float) -> None:
    """Prove the key to a server and have it prove it; the client's part.

    Raises `AuthError`, or what a socket raises; close the connection then.
    """
    deadline = time.monotonic() + timeout_s
    label = name.encode()[:_NAME_NBYTES].ljust(_NAME_NBYTES, b"\0")
    hello = os.urandom(_NONCE_NBYTES) + label
    sock.settimeout(timeout_s)
    sock.sendall(_MAGIC + hello)
    nonce = _receive(sock, _NONCE_NBYTES, deadline)
    proof = _receive(sock, _PROOF_NBYTES, deadline)
    _check(proof, _proof(key, _SERVER, hello, nonce))
    sock.sendall(_proof(key, _CLIENT, hello, nonce))
    if _receive(sock, len(_WELCOME), deadline) != _WELCOME:
        text = "it did not welcome the proof of the key"
        raise AuthError(text)


def admit(sock: socket.socket, key: bytes, timeout_s: float) -> str:
    """Prove the key to a client and have it prove it; returns the client's name.

    The client then waits for `welcome`. Raises `AuthError`, or what a socket
    raises; close the connection then.
    """
    deadline = time.monotonic() + timeout_s
    if _receive(sock, len(_MAGIC), deadline) != _MAGIC:
        text = "it does not speak the protocol of gridcache"
        raise AuthError(text)
    hello = _receive(sock, _HELLO_NBYTES, deadline)
    nonce = os.urandom(_NONCE_NBYTES)
    sock.sendall(nonce + _proof(key, _SERVER, hello, nonce))
    try:
        proof = _receive(sock, _PROOF_NBYTES, deadline)
    except ConnectionError as error:
        # What a client does that was not convinced by the proof it got.
        text = "it hung up at our proof; it may hold another key"
        raise AuthError(text) from error
    _check(proof, _proof(key, _CLIENT, hello, nonce))
    return hello[_NONCE_NBYTES:].rstrip(b"\0").decode(errors="replace")


def welcome(sock: socket.socket) -> None:
    """Tell an admitted client that its requests are heard."""
    sock.sendall(_WELCOME)


def _proof(key: bytes, side: bytes, hello: bytes, nonce: bytes) -> bytes:
    return hmac.digest(key, side + hello + nonce, "sha256")


def _check(proof: bytes, expected: bytes) -> None:
    if not hmac.compare_digest(proof, expected):
        text = "it holds another key"
        raise AuthError(text)


def _receive(sock: socket.socket, nbytes: int, deadline: float) -> bytes:
    """Receive exactly `nbytes`: what follows belongs to the next reader."""
    data = b""
    while len(data) < nbytes:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            text = "it took too long to prove the key"
            raise TimeoutError(text)
        sock.settimeout(left_s)
        try:
            piece = sock.recv(nbytes - len(data))
        except TimeoutError:
            continue
        if not piece:
            raise AuthError(_RAGGED) if data else ConnectionError("it hung up")
        data += piece
    return data
