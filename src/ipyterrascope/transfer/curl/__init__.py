"""The engine: libcurl by pycurl's multi interface, many connections in one thread (floor 4).

From below: one request after the other over one handle in `line`, their sockets in `loop`, all lines of a run in
`switchboard`; one file in `job`, what is made of an answer in `request`, what is left to do in `agenda`; who is asked
what next in `crew`. Which file wants which bytes is in `pieces`, how many connections a host is asked for in `pace`
(both pure).
"""

from .engine import CurlEngine, engine_of

__all__ = ["CurlEngine", "engine_of"]
