"""The spaces of a connector as a source: every run lists all pages, and what hangs at them, without their texts.

A page's text is fetched when its version, its comments or its labels changed. Comments and attachments come from the
search's index, which may lag or be rebuilt: before an attachment is removed because it lacks it, the page is asked.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from chalicelib.core.texts import storable
from chalicelib.knowledge.connectors.sources import (
    Access,
    CredentialsError,
    Fetched,
    Item,
    ItemDeletedError,
    Json,
    KnownItem,
    Listing,
)
from chalicelib.knowledge.connectors.types import rest
from chalicelib.knowledge.connectors.types.confluence import contents, storage_format
from chalicelib.knowledge.connectors.types.confluence.contents import Children, Kind, Space, Wiki, WikiFile, WikiPage
from chalicelib.knowledge.ingestion.extraction import kinds

_PAGE, _FILE = "page:", "attachment:"
# Of the items that no page of the listing named, one page looks at so many.
_MOST_UNSEEN = 20
# A page remembers so many of its attachments, which go with it at once when it is restricted; others go a little later.
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class Spaces:
    """The spaces during one invocation."""

    access: Access
    wiki: Wiki
    # By the ids of pages: how many comments they have; what is known of pages that were asked for one by one.
    _comments: dict[str, int] = field(default_factory=dict)
    _singly: dict[str, WikiPage | None] = field(default_factory=dict)
    _files: dict[str, set[str]] = field(default_factory=dict)

    def close(self) -> None:
        """Nothing: the spine closes the connections."""

    def page(self, cursor: Json | None, state: Json) -> Listing:  # noqa: ARG002 — every run lists everything
        """The next pages: those of the first space, then its blog posts, then the next space."""
        if cursor is None:
            spaces = [[space.id, space.key, space.name] for space in self.wiki.spaces()]
            cursor = {"lists": [[*space, kind] for space in spaces for kind in self._kinds()], "at": None}
        if "unseen_after" in cursor:
            return self._unseen(cursor)
        *described, kind = cursor["lists"][0]
        space = Space(*described)
        pages, following = self.wiki.page(space, kind, cursor["at"])
        children = self.wiki.children([page.id for page in pages])
        known = self.access.stored_items.known([f"{_PAGE}{page.id}" for page in pages])
        items, withheld = list[Item](), list[str]()
        for page in pages:
            former = known.get(f"{_PAGE}{page.id}")
            listed = self._items(space, page, children[page.id])
            before = former.memory.get("attachments", []) if former is not None else []
            if page.is_restricted and not self.access.settings.include_restricted:
                withheld += dict.fromkeys([*(item.source_id for item in listed), *before])
            else:
                items += listed
        lists = cursor["lists"][following is None :]
        behind = {"lists": lists, "at": following} if lists else {"unseen_after": ""}
        return Listing(items=tuple(items), withheld=tuple(withheld), cursor=behind)

    def fetch(self, item: Item, known: KnownItem | None, into: Path) -> Fetched:
        """Write a page with its comments, or an attachment."""
        page_id, kind = str(item.metadata["page"]), item.metadata["kind"]
        if item.source_id.startswith(_FILE):
            return self._fetch_file(item, page_id, into)
        number = self._comments.get(page_id)
        if number == 0 and known is not None:
            number = None  # the index may have lost those that the document has
        try:
            text = self.wiki.text(kind, page_id)
            comments = self.wiki.comments(kind, page_id, number)
        except rest.UnknownCredentialsError:
            raise
        except CredentialsError as error:
            if self.wiki.one(kind, page_id) is not None:
                raise
            raise ItemDeletedError("Confluence no longer shows this page.") from error
        markups = (text.markup, *(comment.markup for comment in comments))
        people = {one for markup in markups for one in storage_format.people(markup)}
        facts = {
            "Author": ", ".join(item.authors),
            "Created": item.created_at.date().isoformat() if item.created_at else "",
            "Labels": str(item.metadata.get("labels", "")),
        }
        markup = contents.document(text, facts, comments, self.wiki.names(people))
        into.write_text(storable(markup), encoding="utf-8")
        return Fetched(content_type="text/html")

    def _kinds(self) -> list[Kind]:
        return ["page", "blogpost"] if self.access.settings.blog_posts else ["page"]

    def _items(self, space: Space, page: WikiPage, children: Children) -> list[Item]:
        """A page and its attachments."""
        self._comments[page.id] = len(children.comments)
        names = [space.name, *page.ancestors]
        if page.kind == "blogpost":
            day = page.created_at.date().isoformat() if page.created_at else ""
            names = [space.name, "Blog", f"{day} {page.title}"]
        else:
            names.append(page.title)
        place = "/".join(name.replace("/", " ") for name in names)
        owner = {"page": page.id, "kind": page.kind, "space": space.key}
        described = Item(
            source_id=f"{_PAGE}{page.id}",
            path=f"{place}.html",
            version=children.version_of(page),
            title=page.title,
            content_type="text/html",
            original_url=page.url,
            authors=page.authors,
            created_at=page.created_at,
            modified_at=page.modified_at,
            metadata=owner | ({"labels": ", ".join(page.labels)} if page.labels else {}),
            memory={"attachments": sorted(f"{_FILE}{file.id}" for file in children.files)[:_MOST_REMEMBERED]},
        )
        return [described, *(self._file(page, place, owner, file) for file in children.files)]

    def _file(self, page: WikiPage, place: str, owner: dict[str, str], file: WikiFile) -> Item:
        return Item(
            source_id=f"{_FILE}{file.id}",
            path=f"{place}/{file.title.replace('/', ' ')}",
            version=file.version,
            title=file.title,
            content_type=file.content_type,
            original_url=page.url,
            authors=(file.author,) if file.author else (),
            modified_at=file.modified_at,
            metadata=owner | {"attachment": file.id},
            memory={"link": file.link},
            size=file.size,
        )

    def _unseen(self, cursor: Json) -> Listing:
        """The next items that no page of the listing named: their pages are asked whether they are there.

        Only what is not there is left to be removed, after the last of these pages, by the rule for whole listings.
        """
        unseen = self.access.stored_items.unseen(_MOST_UNSEEN, after=cursor["unseen_after"])
        named = self.access.stored_items.seen({f"{_PAGE}{item.metadata['page']}" for item in unseen})
        retained, withheld = list[str](), list[str]()
        for item in unseen:
            page_id, kind = str(item.metadata["page"]), item.metadata["kind"]
            if kind not in self._kinds():
                continue
            if f"{_PAGE}{page_id}" not in named:
                page = self._ask(kind, page_id)
                if page is None:
                    continue
                if page.is_restricted and not self.access.settings.include_restricted:
                    withheld.append(item.source_id)
                    continue
            if item.source_id.startswith(_PAGE) or self._has_file(kind, page_id, item):
                retained.append(item.source_id)
        listing = Listing(retained=tuple(retained), withheld=tuple(withheld), others=len(unseen))
        if len(unseen) < _MOST_UNSEEN:
            return replace(listing, is_whole=True, state={})
        return replace(listing, cursor={"unseen_after": unseen[-1].source_id})

    def _ask(self, kind: Kind, page_id: str) -> WikiPage | None:
        if page_id not in self._singly:
            self._singly[page_id] = self.wiki.one(kind, page_id)
        return self._singly[page_id]

    def _has_file(self, kind: Kind, page_id: str, item: KnownItem) -> bool:
        """Whether a page that is there still has an attachment."""
        if not self.access.settings.attachments:
            return False
        if page_id not in self._files:
            try:
                self._files[page_id] = self.wiki.file_ids(kind, page_id)
            except ItemDeletedError:
                self._files[page_id] = set()
        return item.source_id.removeprefix(_FILE) in self._files[page_id]

    def _fetch_file(self, item: Item, page_id: str, into: Path) -> Fetched:
        url = self.wiki.file_url(page_id, str(item.metadata["attachment"]), str(item.memory.get("link", "")))
        name = item.title or ""
        response = rest.download(self.access.browser, url, into, name=name, check=self.wiki.spaces)
        sent = kinds.content_type_of(name, response.headers.get("content-type"))
        return Fetched(content_type=item.content_type or sent)
