"""MathML in pages (W3C MathML 3): what stands between the parts of a formula, as in ``1/12`` and ``x^2``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

# What stands before the parts of these, from the second one on.
_BETWEEN = {
    "mfrac": ("/",),
    "msup": ("^",),
    "msub": ("_",),
    "msubsup": ("_", "^"),
    "mover": ("^",),
    "munder": ("_",),
    "munderover": ("_", "^"),
    "mtr": (" ",) * 100,
}
_ROOTS = frozenset(("msqrt", "mroot"))
_ROWS = frozenset(("mtr", "mlabeledtr"))
_GROUPED = frozenset(("mrow", "mstyle", "mpadded"))


def before(node: LexborNode) -> list[str]:
    """What stands before an element: one text, or none."""
    tag, parent = node.tag or "", node.parent
    marks = _BETWEEN.get(parent.tag or "", ()) if parent is not None else ()
    place = _place(node, len(marks)) if marks else 0
    between = marks[place - 1] if 0 < place <= len(marks) else ""
    sign = "\u221a" if tag in _ROOTS else " " if tag in _ROWS or _is_name(node) else ""
    text = between + sign + ("(" if _is_term(node) else "")
    return [text] if text else []


def after(node: LexborNode) -> list[str]:
    """What stands after an element: one text, or none."""
    return [")"] if _is_term(node) else [" "] if _is_name(node) else []


def _is_name(node: LexborNode) -> bool:
    """Whether an element is a name of several letters, such as that of a function."""
    return node.tag == "mi" and len(node.text(strip=True)) > 1


def _is_term(node: LexborNode) -> bool:
    """Whether an element is a part of a fraction, or an exponent, of several symbols."""
    parent = node.parent
    if node.tag not in _GROUPED or parent is None or parent.tag not in _BETWEEN or parent.tag == "mtr":
        return False
    return sum(1 for _ in node.iter()) > 1


def _place(node: LexborNode, most: int) -> int:
    """The number of elements before this one among its siblings, or more than `most`."""
    place, former = 0, node.prev
    while former is not None and place <= most:
        place += former.is_element_node
        former = former.prev
    return place
