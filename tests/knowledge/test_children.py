"""K4's archives and e-mails: what is packed into a document becomes documents, exactly once, and shares its fate."""

import gzip
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import connection, repairs
from chalicelib.core.errors import LeaseLostError
from chalicelib.knowledge.documents import bucket
from chalicelib.knowledge.documents.contents import receive
from chalicelib.knowledge.ingestion import children, claims, handlers, ingestion, storage
from chalicelib.knowledge.ingestion.extraction import ArchiveMember, Extraction, ExtractionError, Limits, extract
from chalicelib.knowledge.ingestion.extraction.assembly import TextAssembler, member_path
from chalicelib.knowledge.ingestion.extraction.listing import File, list_and_unpack
from tests import make_files
from tests.knowledge.compound_file import Storage, compound_file, message
from tests.service import Service, User

PUMP = "The coolant pump P-17 is inspected every ninety days. Replace its seal when it leaks."
VALVE = "Valve V-3 closes at six bar. It must be tested twice a year by the safety officer."
LIMITS = Limits()
HERON = "The grey heron stands in the shallows of the northern lake and waits for a fish."


# --- packing ----------------------------------------------------------------------------------------------------------


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """A ZIP archive whose bytes depend on nothing but its files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def tarred(files: Mapping[str, bytes | str], mode: str = "w:gz", links: Mapping[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return file.getvalue()


def mail(subject: str, text: str, files: Mapping[str, bytes | str], enclosed: bytes | None = None) -> bytes:
    created = EmailMessage()
    created["Subject"] = subject
    created["From"] = "ana@example.org"
    created.set_content(text)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        created.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    if enclosed:
        from email import message_from_bytes
        from email.policy import default

        created.add_attachment(message_from_bytes(enclosed, policy=default))
    if created.is_multipart():
        created.set_boundary(f"part-of-{len(subject)}-{len(text)}")
    return created.as_bytes()


Unpack = Callable[..., Extraction]


@pytest.fixture
def unpack(tmp_path: Path) -> Unpack:
    def unpack(name: str, content: bytes, limits: Limits = LIMITS) -> Extraction:
        path, into = tmp_path / "object", tmp_path / "packed"
        path.write_bytes(content)
        into.mkdir(exist_ok=True)
        return extract(path, name, None, limits, into)

    return unpack


def contents(extraction: Extraction) -> dict[str, bytes]:
    for member in extraction.members:
        assert member.file.stat().st_size == member.size
    return {member.path: member.file.read_bytes() for member in extraction.members}


# --- unpacking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.zip", zipped), ("a.tar.gz", tarred), ("a.tgz", tarred)]
    + [(f"a.{mode}", lambda files, mode=mode: tarred(files, f"w:{mode}")) for mode in ("bz2", "xz", "")],
)
def test_an_archive_gives_its_paths_and_what_may_hold_words(
    unpack: Unpack, name: str, pack: Callable[[Mapping[str, bytes | str]], bytes]
) -> None:
    files: dict[str, bytes | str] = {
        "notes/one.txt": PUMP,
        "notes/four.png": make_files.picture(4, 4),
        "empty.txt": b"",
        "__MACOSX/notes/one.txt": b"resource fork",
        "notes/.DS_Store": b"\0\0\0\1Bud1",
        "talk.pptx": make_files.pptx(),
        "old.doc": make_files.ole("WordDocument"),
        "main.o": b"\x7fELF" + bytes(100),
    }
    extraction = unpack(name, pack(files))
    assert extraction.text == "notes/one.txt\nnotes/four.png\ntalk.pptx\nold.doc\nmain.o"
    result = contents(extraction)
    assert list(result) == ["notes/one.txt", "talk.pptx", "old.doc"], "what is not read is told so, a picture is not"
    assert result == {path: files[path].encode() if path.endswith("txt") else files[path] for path in result}  # type: ignore[union-attr]
    assert extraction.content_type in {"application/zip", "application/x-tar"}


def test_paths_lead_nowhere_and_are_unique(unpack: Unpack) -> None:
    tar = tarred({"../../etc/passwd.txt": "a", "/etc/passwd.txt": "b", "C:\\x\\y.txt": "c", "./z.txt": "d"})
    assert list(contents(unpack("a.tar.gz", tar))) == ["etc/passwd.txt", "etc/passwd (2).txt", "C:/x/y.txt", "z.txt"]
    linked = tarred({"a.txt": PUMP}, links={"link.txt": "/etc/passwd"})
    assert list(contents(unpack("a.tar.gz", linked))) == ["a.txt"]


@given(st.text(st.characters(codec=None), max_size=600))
def test_a_path_is_one_line_within_its_bound(path: str) -> None:
    displayed = member_path(path)
    displayed.encode()
    assert 1 <= len(displayed) <= 480
    assert not {"", ".", ".."} & set(displayed.split("/"))
    assert displayed == " ".join(displayed.split())
    assert member_path(displayed) == displayed


def test_names_in_old_encodings_are_read(unpack: Unpack) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x" * 26 + ".txt", PUMP)
        archive.writestr("Größe.txt", VALVE)
    name = "報告書の要約と結論.txt".encode("shift_jis").ljust(30, b"x")
    renamed = packed.getvalue().replace(b"x" * 26 + b".txt", name)
    assert list(contents(unpack("a.zip", renamed))) == ["報告書の要約と結論.txt" + "x" * (30 - 22), "Größe.txt"]


def _codes(unpack: Unpack, name: str, content: bytes, limits: Limits = LIMITS) -> tuple[str, str]:
    with pytest.raises(ExtractionError) as caught:
        unpack(name, content, limits)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        (
            "a.zip",
            zipped({"a.png": make_files.picture(3, 3)}),
            "unsupported",
            "no file of a supported kind. Supported kinds: PDF",
        ),
        ("a.zip", zipped({"a/": b"", "b.txt": b""}), "empty", "no file that has bytes"),
        ("a.zip", zipped({}), "empty", "no file"),
        ("a.zip", zipped({"a.txt": PUMP * 50})[:-20], "corrupt", "damaged"),
        ("a.tgz", tarred({"a.txt": PUMP * 5000})[:-40], "corrupt", "damaged"),
        ("a.tgz", gzip.compress(b"words", mtime=0), "unsupported", "archive"),
    ],
)
def test_an_archive_that_gives_nothing_or_too_much_fails_with_a_reason(
    unpack: Unpack, name: str, content: bytes, code: str, words: str
) -> None:
    result, message = _codes(unpack, name, content)
    assert (result, words in message) == (code, True), message


@pytest.mark.parametrize(
    ("name", "pack", "unpacked"),
    [
        ("a.zip", lambda: make_files.docx_bomb(300).replace(b"_Types].xml", b"_Types].xmm"), "300 MB"),
        ("a.tgz", lambda: tarred({"a.txt": bytes(300_000_000)}), "300 MB"),
        ("a.tgz", lambda: tarred({"a.bin": bytes(200_000_000), "b.bin": bytes(200_000_000)}), "400 MB"),
    ],
)
def test_an_archive_that_unpacks_to_too_much_fails_with_its_size(
    unpack: Unpack, name: str, pack: Callable[[], bytes], unpacked: str
) -> None:
    code, message = _codes(unpack, name, pack())
    assert (code, unpacked in message) == ("too_large", True), message


def test_what_is_packed_is_bounded(unpack: Unpack) -> None:
    many = zipped({f"{n}.txt": PUMP for n in range(6)})
    assert _codes(unpack, "a.zip", many, Limits(max_members=5))[0] == "too_large"
    assert _codes(unpack, "a.zip", many, Limits(max_archive_entries=5))[0] == "too_large"
    assert _codes(unpack, "a.zip", many, Limits(max_unpacked_bytes=100))[0] == "too_large"
    assert _codes(unpack, "a.tgz", tarred({"a.txt": PUMP}), Limits(max_unpacked_bytes=20))[0] == "too_large"
    attached = mail("Many", "Words.", {f"{n}.txt": PUMP for n in range(6)})
    assert _codes(unpack, "a.eml", attached, Limits(max_members=5))[0] == "too_large"
    assert _codes(unpack, "a.eml", attached, Limits(max_unpacked_bytes=200))[0] == "too_large"


def test_an_archive_that_contains_itself_is_refused(tmp_path: Path) -> None:
    # They exist (Russ Cox, "Zip Files All The Way Down", 2010); what matters of one is that a file in it is the whole.
    whole = zipped({"a.txt": PUMP})
    assembly = TextAssembler(LIMITS, "zip", lambda *_: None)
    files = [File("a.txt", len(PUMP), PUMP.encode), File("own.zip", len(whole), lambda: whole)]
    with pytest.raises(ExtractionError, match="contains itself"):
        list_and_unpack(files, _written(tmp_path, whole), assembly)


def test_an_archive_is_refused_where_its_files_are_not_wanted(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match="inside others") as caught:
        extract(_written(tmp_path, zipped({"a.txt": PUMP})), "a.zip", None)
    assert caught.value.code == "too_large"


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "written"
    path.write_bytes(content)
    return path


def test_an_e_mail_hands_out_its_attachments_and_what_is_enclosed(unpack: Unpack) -> None:
    inner = mail("Earlier / words", "The earlier words.", {"deep.txt": HERON})
    files: dict[str, bytes | str] = {"one.txt": PUMP, "logo.png": make_files.picture(3, 3), "a/b.md": VALVE}
    extraction = unpack("a.eml", mail("Pumps", "See attached.", files, inner))
    assert extraction.text == (
        "Subject: Pumps\nFrom: ana@example.org\n\nSee attached.\n\n"
        "Attachments: one.txt, logo.png, a-b.md, Earlier - words.eml"
    )
    result = contents(extraction)
    assert list(result) == ["one.txt", "a-b.md", "Earlier - words.eml"]
    assert result["one.txt"].decode() == PUMP
    again = unpack("Earlier.eml", result["Earlier - words.eml"])
    assert "The earlier words." in again.text
    assert contents(again) == {"deep.txt": HERON.encode()}


def test_an_outlook_message_hands_out_its_attachments_and_what_is_enclosed(unpack: Unpack) -> None:
    deepest = message("Deepest", "The deepest words.", {})
    inner = message("Earlier / words", "The earlier words: Größe.", {"deep.txt": HERON.encode() * 80, "x": deepest})
    files: dict[str, bytes | Storage] = {"one.txt": PUMP.encode(), "logo.png": make_files.picture(3, 3), "shown": inner}
    outer = compound_file(message("Pumps", "See attached.", files))
    extraction = unpack("a.msg", outer)
    assert extraction.text == (
        "Subject: Pumps\nFrom: Ana; Ben <ben@example.org>\n\nSee attached.\n\n"
        "Attachments: one.txt, logo.png, Earlier - words.eml"
    )
    result = contents(extraction)
    assert list(result) == ["one.txt", "Earlier - words.eml"]
    assert result["one.txt"].decode() == PUMP
    again = unpack("b.eml", result["Earlier - words.eml"])
    assert again.text.startswith(
        "Subject: Earlier / words\nFrom: Ana; Ben <ben@example.org>\n\nThe earlier words: Größe."
    )
    assert contents(again)["deep.txt"].decode() == HERON * 80
    assert "The deepest words." in unpack("c.eml", contents(again)["Deepest.eml"]).text
    assert contents(unpack("a.msg", outer)) == result, "the same message gives the same bytes"


def test_signatures_are_no_documents(unpack: Unpack) -> None:
    created = EmailMessage()
    created["Subject"] = "Signed"
    created.set_content("Words.")
    created.add_attachment("-----BEGIN PGP SIGNATURE-----", subtype="plain", filename="note.txt")
    created.add_attachment(b"-----BEGIN PGP", maintype="application", subtype="pgp-signature", filename="signature.asc")
    assert [member.path for member in unpack("a.eml", created.as_bytes()).members] == ["note.txt"]


# --- documents --------------------------------------------------------------------------------------------------------


def upload(user: User, filename: str, content: bytes, **more: Any) -> str:
    announced = {"filename": filename, "content_type": "application/octet-stream", "size_bytes": len(content)}
    created = user.post("/documents", announced | more)
    assert created.status == 201, created.body
    _send(created.json["upload"], content)
    return str(created.json["id"])


def replace(user: User, document_id: str, filename: str, content: bytes) -> None:
    announced = {"filename": filename, "content_type": "application/octet-stream", "size_bytes": len(content)}
    created = user.put(f"/documents/{document_id}/content", announced)
    assert created.status == 202, created.body
    _send(created.json["upload"], content)
    user.service.pump_ingest()


def _send(target: Any, content: bytes) -> None:
    assert httpx.request(target["method"], target["url"], headers=target["headers"], content=content).status_code == 200


def _receive(service: Service, document_id: str) -> str:
    """Judge the one upload that waits, and lose the event of its copy; returns the key of the document's object."""
    arrived = [key for record in service.drain("ingest") for key in handlers.object_keys(record["body"])]
    assert [receive(key) for key in arrived] == [bucket.key_of(UUID(document_id))]
    copied = [key for record in service.drain("ingest") for key in handlers.object_keys(record["body"])]
    assert copied == [bucket.key_of(UUID(document_id))]
    return copied[0]


def _keys(service: Service) -> set[str]:
    """The keys of all documents, and of all announced uploads."""
    return {
        key for (key,) in service.rows("select object_key from documents union all select upload_key(id) from uploads")
    }


def family(user: User, document_id: str, **more: str) -> dict[str, Any]:
    query = "".join(f"&{name}={value}" for name, value in more.items())
    items = user.get(f"/documents?limit=100&parent_id={document_id}{query}").json["items"]
    return {item["title"]: item for item in items}


def ingested(user: User, filename: str, content: bytes, **more: Any) -> Any:
    document_id = upload(user, filename, content, **more)
    user.service.pump_ingest()
    return user.get(f"/documents/{document_id}").json


def result(user: User, query: str) -> set[str]:
    return {hit["title"] for hit in user.search(query, mode="lexical")}


def test_an_archive_s_files_are_documents_of_their_own(service: Service) -> None:
    user = service.user()
    archive = ingested(user, "plant.zip", zipped({"unit/p17.txt": PUMP, "broken.pdf": "%PDF-1.7 none", "x.png": b""}))
    assert (archive["status"], archive["child_count"], archive["parent_id"]) == ("completed", 2, None)
    below = family(user, archive["id"])
    assert set(below) == {"unit/p17.txt", "broken.pdf"}
    pump = below["unit/p17.txt"]
    assert (pump["status"], pump["source_type"], pump["filename"]) == ("completed", "archive", "p17.txt")
    assert (pump["parent_id"], pump["child_count"], pump["scope"]) == (archive["id"], 0, "user")
    assert (below["broken.pdf"]["status"], below["broken.pdf"]["error"]["code"]) == ("failed", "corrupt")
    assert result(user, "coolant pump seal") == {"unit/p17.txt"}
    assert result(user, "p17") == {"unit/p17.txt", "plant.zip"}, "the archive itself is found by its files' names"
    packed = user.get("/documents?source_type=archive&status=completed").json["items"]
    assert [item["id"] for item in packed] == [pump["id"]]


def test_an_e_mail_is_complete_with_its_own_text_and_its_attachments_stand_for_themselves(service: Service) -> None:
    user = service.user()
    created = ingested(user, "a.eml", mail("Inspection", "Please read it.", {"one.txt": PUMP, "x.pdf": b"%PDF-1.7"}))
    assert (created["status"], created["child_count"]) == ("completed", 2)
    below = family(user, created["id"])
    assert {title: (item["status"], item["source_type"]) for title, item in below.items()} == {
        "one.txt": ("completed", "attachment"),
        "x.pdf": ("failed", "attachment"),
    }
    assert result(user, "coolant seal") == {"one.txt"}
    assert result(user, "please read it") == {"a.eml"}


def test_children_share_their_parent_s_space_and_nobody_else_sees_them(service: Service) -> None:
    administrator, user, other_user = service.administrator(), service.user(), service.user()
    shared = ingested(administrator, "house.zip", zipped({"two.txt": VALVE}), scope="org")
    private = ingested(user, "own.zip", zipped({"one.txt": PUMP}))
    (child,) = family(other_user, shared["id"]).values()
    assert child["scope"] == "org"
    assert other_user.delete(f"/documents/{child['id']}").status == 403
    (own,) = family(user, private["id"]).values()
    assert family(other_user, private["id"]) == {}
    assert other_user.get(f"/documents/{own['id']}").status == 404
    assert result(other_user, "pump valve") == {"two.txt"}


def test_k2_reading_a_parent_again_makes_nothing_twice(service: Service) -> None:
    user = service.user()
    archive = ingested(user, "plant.zip", zipped({"one.txt": PUMP, "more.zip": zipped({"two.txt": VALVE})}))
    before = service.rows("select id, object_version, indexed_at from documents where parent_id is not null order by 1")
    assert len(before) == 3
    key = f"documents/{archive['id']}"
    for _ in range(2):
        service.rows("update documents set object_version = null where object_key = %s returning id", key)
        service.invoke("ingest", [{"messageId": "1", "body": f'{{"object_key": "{key}"}}', "attributes": {}}] * 2)
        service.pump_ingest()
    after = service.rows("select id, object_version, indexed_at from documents where parent_id is not null order by 1")
    assert after == before


def test_k2_parallel_workers_make_one_family(service: Service) -> None:
    user = service.user()
    archive = upload(user, "plant.zip", zipped({f"{n}.txt": f"{PUMP} Number {n}." for n in range(5)}))
    key = _receive(service, archive)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            ingestion.ingest(key)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service.pump_ingest()
    assert failures == []
    assert {item["status"] for item in family(user, archive).values()} == {"completed"}
    assert service.rows("select count(*) from documents where parent_id is not null") == [(5,)]


@pytest.mark.parametrize("step", ["newest", "put", "ask_for_ingestion"])
def test_k2_a_worker_that_dies_at_any_step_leaves_what_the_next_one_completes(
    service: Service, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    user = service.user()
    files = {f"{n}.txt": f"{PUMP} Number {n}." for n in range(3)}
    archive = upload(user, "plant.zip", zipped(files))
    key = _receive(service, archive)
    reached = []
    real = getattr(bucket, step)

    def dies(*arguments: Any) -> Any:
        reached.append(arguments)
        if len(reached) == 2 or step == "ask_for_ingestion":
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(bucket, step, dies)
        if step == "newest":
            claim = claims.claim_document(key)
            assert claim is not None
            _half_created(service, archive)
            with pytest.raises(KeyboardInterrupt):
                ingestion._work(claim)
        else:
            with pytest.raises(KeyboardInterrupt):
                ingestion.ingest(key)
    assert reached
    service.rows("update documents set leased_until = now() where id = %s returning id", archive)
    ingestion.ingest(key)
    service.pump_ingest()
    assert {title: item["status"] for title, item in family(user, archive).items()} == dict.fromkeys(files, "completed")
    assert len(user.search("coolant pump", mode="lexical")) == 3


def _half_created(service: Service, archive: str) -> None:
    """The state of a worker that died after making the rows: without objects."""
    member = next(iter(_members(service, archive)))
    service.rows(
        "insert into documents (id, parent_id, depth, space_id, owner_id, title, filename, source_type, object_key) "
        "select %s, id, 1, space_id, owner_id, '0.txt', '0.txt', 'archive', 'documents/' || %s from documents "
        "where id = %s returning id",
        member,
        str(member),
        archive,
    )


def _members(service: Service, archive: str) -> "list[Any]":
    import hashlib

    return [
        children.child_id(
            UUID(archive),
            ArchiveMember(f"{n}.txt", None, Path(), 0, hashlib.sha256(f"{PUMP} Number {n}.".encode()).digest()),
        )
        for n in range(3)
    ]


def test_an_object_whose_event_was_lost_is_found_by_tick(service: Service) -> None:
    user = service.user()
    archive = upload(user, "plant.zip", zipped({"one.txt": PUMP}))
    (event,) = service.drain("ingest")
    service.invoke("ingest", [event])
    service.drain("ingest")
    assert family(user, archive)["one.txt"]["status"] == "pending"
    _heal(service)
    assert family(user, archive)["one.txt"]["status"] == "completed"


def test_k3_replacing_keeps_what_is_unchanged_and_drops_what_is_gone(service: Service) -> None:
    user = service.user()
    archive = ingested(user, "plant.zip", zipped({"one.txt": PUMP, "two.txt": VALVE}))
    before = family(user, archive["id"])
    changed = {"one.txt": PUMP, "two.txt": f"{VALVE} New.", "three.txt": HERON}
    replace(user, archive["id"], "plant.zip", zipped(changed))
    after = family(user, archive["id"])
    assert set(after) == {"one.txt", "two.txt", "three.txt"}
    assert after["one.txt"] == before["one.txt"]
    assert after["two.txt"]["id"] != before["two.txt"]["id"]
    assert len(user.search("valve safety officer", mode="lexical")) == 1
    replace(user, archive["id"], "plant.zip", zipped({"one.txt": PUMP, "two.txt": VALVE}))
    back = family(user, archive["id"])
    assert {title: item["id"] for title, item in back.items()} == {title: item["id"] for title, item in before.items()}
    assert {item["status"] for item in back.values()} == {"completed"}
    assert result(user, "valve safety officer") == {"two.txt"}
    assert result(user, "grey heron") == set()
    replace(user, archive["id"], "plain.txt", HERON.encode())
    assert family(user, archive["id"]) == {}
    assert result(user, "pump valve heron") == {"plant.zip"}


def test_k3_a_broken_new_version_leaves_the_children_answering(service: Service) -> None:
    user = service.user()
    archive = ingested(user, "plant.zip", zipped({"one.txt": PUMP}))
    replace(user, archive["id"], "plant.zip", zipped({"one.txt": VALVE})[:-30])
    assert user.get(f"/documents/{archive['id']}").json["status"] == "failed"
    assert result(user, "coolant pump") == {"one.txt"}


def test_k13_deleting_and_restoring_a_parent_takes_its_children_along(service: Service) -> None:
    user = service.user()
    nested: dict[str, bytes | str] = {"one.txt": PUMP, "two.txt": VALVE, "more.zip": zipped({"three.txt": HERON})}
    archive = ingested(user, "plant.zip", zipped(nested))
    below = family(user, archive["id"])
    assert user.delete(f"/documents/{below['two.txt']['id']}").status == 204
    counted = service.rows("select sum(chunks) from lexeme_counts where lexeme = 0")
    assert user.delete(f"/documents/{archive['id']}").status == 204
    assert result(user, "pump valve heron") == set()
    assert user.get(f"/documents/{below['one.txt']['id']}").status == 404
    assert service.rows("select sum(chunks) from lexeme_counts where lexeme = 0") == [(0,)]
    assert user.post(f"/documents/{archive['id']}/restore").status == 200
    assert set(family(user, archive["id"])) == {"one.txt", "more.zip"}, "what was deleted by itself stays deleted"
    assert result(user, "pump valve heron") == {"one.txt", "three.txt"}
    assert service.rows("select sum(chunks) from lexeme_counts where lexeme = 0") == counted


def test_archiving_a_parent_archives_its_children(service: Service) -> None:
    user = service.user()
    archive = ingested(user, "plant.zip", zipped({"one.txt": PUMP}))
    path = f"/documents/{archive['id']}"
    assert user.request("PATCH", path, {"is_archived": True}).status == 200
    assert result(user, "coolant pump") == set()
    assert set(family(user, archive["id"], archived="true")) == {"one.txt"}
    assert user.request("PATCH", path, {"is_archived": False}).status == 200
    assert result(user, "coolant pump") == {"one.txt"}


def test_k8_what_is_packed_is_chosen_with_its_parent_and_may_be_chosen_alone(service: Service) -> None:
    user = service.user()
    nested: dict[str, bytes | str] = {"one.txt": PUMP, "more.zip": zipped({"three.txt": HERON})}
    archive = ingested(user, "plant.zip", zipped(nested))["id"]
    other = ingested(user, "other.zip", zipped({"two.txt": VALVE}))["id"]
    words = "pump valve heron"
    assert result(user, words) == {"one.txt", "two.txt", "three.txt"}
    user.put(f"/selection/documents/{archive}", {"enabled": False})
    assert result(user, words) == {"two.txt"}
    one = family(user, archive)["one.txt"]["id"]
    user.put(f"/selection/documents/{one}", {"enabled": True})
    assert result(user, words) == {"one.txt", "two.txt"}
    conversation = user.post("/conversations", {}).json["id"]

    def within() -> set[str]:
        return {hit["title"] for hit in user.search(words, mode="lexical", conversation_id=conversation)}

    user.put(f"/conversations/{conversation}/selection/{archive}", {"enabled": True})
    user.put(f"/conversations/{conversation}/selection/{other}", {"enabled": False})
    assert within() == {"one.txt", "three.txt"}
    for document in (archive, other):
        user.delete(f"/conversations/{conversation}/selection/{document}")
    assert within() == {"one.txt", "two.txt"}


def test_what_two_e_mails_share_outlives_either(service: Service) -> None:
    user = service.user()
    first = ingested(user, "first.eml", mail("First", "One.", {"one.txt": PUMP}))
    second = ingested(user, "second.eml", mail("Second", "Two.", {"one.txt": PUMP}))
    (shared,) = family(user, first["id"]).values()
    assert [item["id"] for item in family(user, second["id"]).values()] == [shared["id"]], "the same bytes are one"
    assert len(user.search("coolant pump", mode="lexical")) == 1
    assert user.delete(f"/documents/{first['id']}").status == 204
    assert user.search("coolant pump", mode="lexical") == []
    _heal(service)
    (own,) = family(user, second["id"]).values()
    assert (own["status"], own["parent_id"]) == ("completed", second["id"])
    assert len(user.search("coolant pump", mode="lexical")) == 1
    assert user.post(f"/documents/{first['id']}/restore").status == 200
    _heal(service)
    assert len(user.search("coolant pump", mode="lexical")) == 1, "restored beside its twin, it becomes a copy"


def _heal(service: Service) -> None:
    """What tick does a few minutes later."""
    with service.database.connect("owner") as conn:
        conn.execute("alter table documents disable trigger touch")
        conn.execute("update documents set updated_at = now() - interval '5 minutes', verified_at = null")
        conn.execute("alter table documents enable trigger touch")
    repairs.run("verify_documents")
    service.pump_ingest()


def test_k2_the_same_archive_twice_has_one_family(service: Service) -> None:
    user = service.user()
    packed = zipped({"one.txt": PUMP, "two.txt": VALVE})
    first = ingested(user, "plant.zip", packed)
    copy = upload(user, "copy.zip", packed)
    service.pump_ingest()
    assert user.get(f"/documents/{copy}").json["id"] == first["id"]
    assert set(family(user, copy)) == {"one.txt", "two.txt"}
    assert service.rows("select count(*) from documents where parent_id is not null") == [(2,)]
    replace(user, first["id"], "plant.zip", zipped({"three.txt": HERON}))
    assert set(family(user, copy)) == {"one.txt", "two.txt"}, "a copy lives on when the first one changes"
    assert set(family(user, first["id"])) == {"three.txt"}
    assert result(user, "pump valve heron") == {"one.txt", "two.txt", "three.txt"}


def test_a_copy_that_is_none_any_more_is_unpacked_after_all(service: Service) -> None:
    user = service.user()
    packed = zipped({"one.txt": PUMP})
    first = ingested(user, "plant.zip", packed)
    copy = upload(user, "copy.zip", packed)
    claim = claims.claim_document(_receive(service, copy))
    assert claim is not None
    real = ingestion._embed_and_store

    def late(*arguments: Any) -> Any:
        assert user.delete(f"/documents/{first['id']}").status == 204
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ingestion, "_embed_and_store", late)
        with pytest.raises(storage.NoCopyError):
            ingestion._work(claim)
    service.rows("update documents set leased_until = now() where id = %s returning id", copy)
    ingestion.ingest(f"documents/{copy}")
    service.pump_ingest()
    assert set(family(user, copy)) == {"one.txt"}
    assert result(user, "coolant pump") == {"one.txt"}


def test_nesting_ends_at_its_depth_with_a_reason(service: Service) -> None:
    user = service.user()
    packed = zipped({"deepest.txt": PUMP})
    for level in range(3, 0, -1):
        packed = zipped({f"level{level}.zip": packed, f"beside{level}.txt": f"{VALVE} {level}"})
    ingested(user, "outer.zip", packed)
    rows = service.rows("select title, depth, status, error_code from documents order by depth, title")
    assert rows == [
        ("outer.zip", 0, "completed", None),
        ("beside1.txt", 1, "completed", None),
        ("level1.zip", 1, "completed", None),
        ("beside2.txt", 2, "completed", None),
        ("level2.zip", 2, "completed", None),
        ("beside3.txt", 3, "completed", None),
        ("level3.zip", 3, "failed", "too_large"),
    ]


def test_an_e_mail_at_the_last_depth_gives_its_text_alone(service: Service) -> None:
    user = service.user()
    packed = mail("Deep", "The deep words.", {"beyond.txt": PUMP})
    for level in range(3):
        packed = zipped({"deep.eml" if level == 0 else "inner.zip": packed})
    ingested(user, "outer.zip", packed)
    assert service.rows("select title, status from documents where depth = 3") == [("deep.eml", "completed")]
    assert result(user, "beyond") == {"deep.eml"}


def test_one_upload_makes_a_bounded_number_of_documents(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "MAX_DOCUMENTS", 6)
    user = service.user()
    inner = {f"{name}.zip": zipped({f"{name}{n}.txt": f"{PUMP} {name} {n}" for n in range(2)}) for name in "abc"}
    archive = ingested(user, "plant.zip", zipped(inner))
    assert archive["child_count"] == 3
    outcomes = sorted((item["status"], item["child_count"]) for item in family(user, archive["id"]).values())
    assert outcomes == [("completed", 2), ("failed", 0), ("failed", 0)]
    again = ingested(user, "more.zip", zipped({f"{n}.txt": f"{HERON} {n}" for n in range(7)}))
    assert (again["status"], again["error"]["code"], again["child_count"]) == ("failed", "too_large", 0)


def test_a_parent_that_was_deleted_meanwhile_gets_no_children(service: Service) -> None:
    user = service.user()
    archive = upload(user, "plant.zip", zipped({"one.txt": PUMP}))
    claim = claims.claim_document(_receive(service, archive))
    assert claim is not None
    assert user.delete(f"/documents/{archive}").status == 204
    with pytest.raises(LeaseLostError):
        ingestion._work(claim)
    assert service.rows("select count(*) from documents where parent_id is not null") == [(0,)]


def test_purging_a_parent_purges_its_children_and_their_objects(service: Service) -> None:
    user = service.user()
    archive = ingested(user, "plant.zip", zipped({"one.txt": PUMP, "two.txt": VALVE}))
    announced = {"filename": "plant.zip", "content_type": "application/zip", "size_bytes": 100}
    assert user.put(f"/documents/{archive['id']}/content", announced).status == 202
    keys = _keys(service)
    assert len(keys) == 5, "three documents, an upload that was taken, and one that nothing arrived for"
    assert user.delete(f"/documents/{archive['id']}").status == 204
    service.rows("update documents set deleted_at = now() - interval '31 days' returning id")
    assert service.rows("select purge_documents(interval '30 days', 10000)") == [(3,)]
    assert {key for (key,) in service.rows("select object_key from object_deletions")} == keys


def test_erasing_an_account_erases_its_archives(service: Service) -> None:
    user = service.user()
    ingested(user, "plant.zip", zipped({"one.txt": PUMP, "more.zip": zipped({"two.txt": VALVE})}))
    keys = _keys(service)
    assert len(keys) == 5, "four documents and the upload"
    assert user.delete("/me").status == 204
    assert service.rows("select count(*) from documents") == [(0,)]
    assert {key for (key,) in service.rows("select object_key from object_deletions")} == keys


def test_moving_a_parent_moves_its_children(service: Service) -> None:
    user, other = service.user(), service.user()
    archive = ingested(user, "plant.zip", zipped({"one.txt": PUMP}))
    service.rows("update documents set space_id = 1 where id = %s returning id", archive["id"])
    assert result(other, "coolant pump") == {"one.txt"}


def test_an_upload_batch_counts_what_was_packed(service: Service) -> None:
    user = service.user()
    batch = "0190f3f0-0000-7000-8000-000000000001"
    ingested(user, "plant.zip", zipped({"one.txt": PUMP, "two.txt": VALVE}), batch=batch)
    assert len(user.get(f"/documents?batch={batch}").json["items"]) == 3


def test_the_bytes_of_children_lie_in_the_bucket_like_any_others(service: Service) -> None:
    user = service.user()
    archive = ingested(user, "plant.zip", zipped({"one.txt": PUMP}))
    (child,) = family(user, archive["id"]).values()
    stored = boto3.client("s3").get_object(Bucket=service.bucket, Key=f"documents/{child['id']}")
    assert stored["Body"].read().decode() == PUMP
