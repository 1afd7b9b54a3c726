"""Pages of the web as a connector reads them: links, the main content without navigation, feeds and sitemaps."""

import gzip
import html
import io
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from chalicelib.knowledge.ingestion.extraction.decoding import decode

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Parameters that say where a reader came from, and not what the page is.
_TRACKING = ("utm_", "gclid", "fbclid", "mc_cid", "mc_eid", "msclkid")
_FURNITURE = (
    "script, style, noscript, template, nav, iframe, [role=navigation], [role=banner], [role=contentinfo], "
    "[role=search], [aria-hidden=true]"
)
_OUTER_FURNITURE = "header, footer, aside"
_DECLARED_IN_XML = re.compile(rb"<\?xml[^>]{0,200}?encoding\s?=\s?[\"']([A-Za-z0-9_.:-]{2,40})")
_MOST_LINKS = 500
BROKEN = "broken"
_MOST_XML_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page: its main content as a small HTML document, and where it leads to."""

    title: str | None
    markup: bytes
    links: tuple[str, ...]
    canonical: str | None
    is_indexed: bool


def normalised(url: str) -> str | None:
    """The address without fragment, tracking parameters and default port; None for what is not of the web."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host or parts.username is not None:
        return None
    netloc = host if port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"
    if ":" in host:
        netloc = netloc.replace(host, f"[{host}]", 1)
    retained = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if not _is_tracking(name)
    ]
    path = quote(
        unquote(parts.path or "/", errors="surrogateescape"), safe="/%:@!$&'()*+,;=-._~", errors="surrogateescape"
    )
    cleaned = urlunsplit((parts.scheme, netloc, path, urlencode(retained), ""))
    return cleaned if len(cleaned) <= 1024 else None


def joined(base: str, reference: str) -> str | None:
    """The normalised address that a page at `base` refers to; None for what is no address of the web."""
    try:
        return normalised(urljoin(base, reference.strip()))
    except ValueError:  # such as http://[draft]/, which people write
        return None


def _is_tracking(name: str) -> bool:
    return name.lower().startswith(_TRACKING)


def read_page(data: bytes, url: str, charset: str | None) -> WebPage:
    """The page at `url` in the encoding of its byte-order mark, its header or its `meta` element."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(decode(data, charset or _declared(data)).replace("\x00", ""))
    base_node = tree.css_first("base[href]")
    base = joined(url, (base_node.attributes.get("href") if base_node else None) or "") or url
    directives = " ".join(
        (node.attributes.get("content") or "").lower() for node in tree.css("meta[name=robots], meta[name=alcove]")
    )
    links: list[str] = []
    if "nofollow" not in directives and "none" not in directives:
        for node in tree.css("a[href], area[href], link[rel=alternate][href]"):
            rel = (node.attributes.get("rel") or "").lower()
            if node.tag == "link" and "xml" not in (node.attributes.get("type") or ""):
                continue
            target = joined(base, node.attributes.get("href") or "")
            if "nofollow" not in rel and target is not None and target not in links:
                links.append(target)
            if len(links) >= _MOST_LINKS:
                break
    canonical_node = tree.css_first("link[rel=canonical][href]")
    canonical = joined(base, canonical_node.attributes.get("href") or "") if canonical_node else None
    title_node = tree.css_first("title") or tree.css_first("h1")
    title = " ".join((title_node.text() if title_node else "").split()) or None
    markup = _main_content(tree)
    document = (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{html.escape(title or "")}</title></head>'
        f"<body>{markup}</body></html>"
    )
    is_indexed = "noindex" not in directives and "none" not in directives
    return WebPage(title, document.encode("utf-8", "replace"), tuple(links), canonical, is_indexed and bool(markup))


def _declared(data: bytes) -> str | None:
    matches = re.search(
        rb"<meta[^>]{0,500}?charset\s*+=\s*+[\"']?\s*+([A-Za-z0-9_:.-]{2,40})", data[:4096], re.IGNORECASE
    )
    return matches[1].decode("ascii") if matches else None


def _main_content(tree: "object") -> str:
    """The HTML of `main`, of the only `article`, or of the body without its furniture; empty without text."""
    from selectolax.lexbor import LexborHTMLParser

    assert isinstance(tree, LexborHTMLParser)  # noqa: S101 — for mypy; the caller made it
    for node in tree.css(_FURNITURE):
        node.decompose()
    root = tree.css_first("main, [role=main]")
    if root is None:
        articles = tree.css("article")
        root = articles[0] if len(articles) == 1 else None
    if root is None or not root.text(strip=True):
        for node in tree.css(_OUTER_FURNITURE):
            node.decompose()
        root = tree.body
    if root is None or not root.text(strip=True):
        return ""
    return root.inner_html or ""


def read_xml(data: bytes, url: str) -> tuple[str, list[str]]:
    """The kind of a feed or sitemap (`sitemap`, `sitemaps`, `feed` or ``), and the addresses that it lists.

    BROKEN is the kind of what is cut, damaged, or longer than 50 MiB: what it lists is unknown, and not gone. A page
    of HTML is none: a site without a sitemap may answer with a page that says so.
    """
    try:
        root = _root(data)
    except ValueError:
        return "" if b"<html" in data[:1000].lower() else BROKEN, []
    name = root.tag.rpartition("}")[2]
    kind = {"urlset": "sitemap", "sitemapindex": "sitemaps", "rss": "feed", "feed": "feed", "RDF": "feed"}.get(name, "")
    matches: list[str] = []
    for node in root.iter():
        tag = node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
        text = node.text if tag == "loc" or (tag == "link" and kind == "feed") else None
        if tag == "link" and kind == "feed" and node.get("rel", "alternate") == "alternate":
            text = node.get("href") or text
        target = joined(url, text) if text else None
        if target is not None and kind:
            matches.append(target)
    return kind, matches


def _root(data: bytes) -> "Element":
    """The root element of a document of XML, packed or not. Raises ValueError for what is cut, damaged or no XML."""
    from xml.etree import ElementTree

    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = file.read(_MOST_XML_BYTES + 1)
        if len(data) > _MOST_XML_BYTES or b"<!ENTITY" in data:
            raise ValueError("too long, or with entities")
        # As text, because the parser reads neither Shift_JIS nor other encodings of several bytes.
        declared = _DECLARED_IN_XML.match(data)
        text = decode(data, declared[1].decode("ascii") if declared else None)
        return ElementTree.fromstring(text)  # noqa: S314 — no entities, and expat bounds the rest
    except (ElementTree.ParseError, OSError, EOFError, zlib.error) as error:
        raise ValueError("not XML") from error
