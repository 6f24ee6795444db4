"""Fingerprints of code: equal as long as a function would compute the same.

A function's fingerprint is made of its code, its defaults, its closure and what it
reaches: the functions, classes and methods of local code, in turn with all they reach,
and the plain data it reads from globals. Installed packages count by name and version.
`places` says what is local, `code` what reaches are seen, `reached` what is refused.

A changed line number, comment or docstring changes nothing. Another minor version of
Python compiles other code, which is a miss and never a wrong hit.
"""

from gridcache.fingerprint.api import Fingerprint, function_digest, function_fingerprint

__all__ = ["Fingerprint", "function_digest", "function_fingerprint"]
