"""The inverted index (K7, K9): what it finds is what ranking everything visible finds, whatever happens to passages."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString
from uuid import UUID

import numpy as np
import psycopg
import pytest

from chalicelib.core import repairs
from chalicelib.knowledge.search import retrieval, segments
from chalicelib.knowledge.search.models import SearchFilters, SearchRequest
from chalicelib.knowledge.text import lexemes as lexical
from tests.knowledge.test_retrieval import DIMENSION, ORGANISATION, Library, ids, planned, some_texts, unit
from tests.service import Database, Service

ANY = unit(np.eye(DIMENSION)[:1])
# What the statement leaves out shows only where its bounds bite: hardly any seeds, and never or always a lookup.
BOUNDS = {"as shipped": {}, "few seeds": {"SEED_POSTINGS": 1}, "in order": {"LOOKUP_COST": 10**6, "SEED_POSTINGS": 1}}


@pytest.fixture
def library(database: Database) -> Iterator[Library]:
    with Library.of(database) as created:
        yield created


@pytest.fixture(params=BOUNDS)
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BOUNDS[request.param].items():
        monkeypatch.setattr(retrieval, name, value)


def index(library: Library, most: int = 1000) -> list[int]:
    """Put everything into segments; how many passages each step wrote."""
    written = []
    while count := library.value("select extend_segments(1, %s)", most):
        written.append(count)
    return written


def check(library: Library) -> int:
    """Have every segment looked at, as `tick` does once a day; how many there were."""
    library.owner.execute("update lexical_segments set checked_at = now() - interval '25 hours'")
    looked_at = 0
    while library.value("select check_segment('1 day')"):
        looked_at += 1
    return looked_at


def assert_whole(library: Library) -> None:
    """Every passage with a number is in one segment of its space, with all its lexemes, and in no other."""
    missing = """
        select t.number from chunk_terms t
          left join lexical_segments s on s.space_id = t.space_id and t.number <@ s.numbers
          left join lexical_postings p on p.segment_id = s.id and t.number = any (p.numbers)
         where t.number is not null
         group by t.number, t.weights having count(distinct s.id) <> 1
            or count(p.lexeme) <> array_length(string_to_array(split_part(t.weights::text, '/', 1), ','), 1)"""
    assert library.owner.execute(missing).fetchall() == []
    beyond = """
        select s.id, s.chunks, s.postings from lexical_segments s left join lexical_postings p on p.segment_id = s.id
         group by s.id having s.postings <> coalesce(sum(p.chunks), 0)
            or s.chunks < (select count(distinct number) from lexical_postings o, unnest(o.numbers) as number
                            where o.segment_id = s.id)"""
    assert library.owner.execute(beyond).fetchall() == []


def assert_clean(library: Library) -> None:
    """Nothing of any passage that is gone stands in a segment, as it is once every segment was looked through."""
    removed = """
        select p.segment_id, p.lexeme, n.number from lexical_postings p, unnest(p.numbers) as n (number)
         where not exists (select from chunk_terms t where t.number = n.number and t.space_id = p.space_id)"""
    assert library.owner.execute(removed).fetchall() == []


def numbered(library: Library) -> tuple[int, int]:
    """How many passages are in a segment, and in none."""
    return (
        library.value("select count(*) from chunk_terms where number is not null"),
        library.value("select count(*) from chunk_terms where number is null"),
    )


def sizes(library: Library) -> list[int]:
    rows = library.owner.execute("select chunks from lexical_segments order by chunks desc").fetchall()
    return [row[0] for row in rows]


def exact(library: Library, caller: UUID, query: str, condition: str = "true", **values: Any) -> list[float]:
    """The scores of everything that `caller` sees, best first, without the index."""
    lexemes, frequencies = lexical.query_terms(query)
    with library.app.transaction():
        library.app.execute("select assume_user(%s)", [caller])
        rows = library.app.execute(
            "select -(t.weights <#> bm25_query(%(lexemes)s, %(frequencies)s)) as score from chunk_terms t"
            f" join documents d on d.id = t.document_id where t.live and {condition} order by score desc",
            {"lexemes": lexemes, "frequencies": frequencies, **values},
        ).fetchall()
    return [row[0] for row in rows if row[0] > 0]


def agrees(library: Library, caller: UUID, rng: np.random.Generator, queries: int = 12, **more: Any) -> None:
    """Lists of several lengths hold the scores that ranking everything gives."""
    condition, values = more.pop("condition", "true"), more.pop("values", {})
    for query in some_texts(rng, queries):
        best = exact(library, caller, query, condition, **values)
        for top_k in (1, 7, 100):
            hits = library.search(caller, query, mode="lexical", top_k=top_k, **more)
            assert [hit.score for hit in hits] == pytest.approx(best[:top_k], rel=1e-5)


def shelves(library: Library, rng: np.random.Generator, documents: int = 60) -> tuple[UUID, UUID, list[UUID]]:
    """Two users, and documents of the organisation, a group of both and each of them."""
    a, b = library.user(), library.user()
    group = library.group(a, b)
    created = []
    for number in range(documents):
        texts = some_texts(rng, int(rng.integers(1, 12)))
        space = (ORGANISATION, group, None)[number % 3]
        owner = (a, b)[number // 3 % 2]
        kind = "inline" if number % 4 else "upload"
        created.append(library.add(owner, texts, np.repeat(ANY, len(texts), axis=0), space=space, source_type=kind)[0])
    return a, b, created


@pytest.mark.usefixtures("bounds")
def test_k7_postings_find_what_ranking_everything_finds(library: Library) -> None:
    rng = np.random.default_rng(1)
    a, b, documents = shelves(library, rng)
    index(library, most=40)
    assert len(sizes(library)) > 8
    assert numbered(library)[1] == 0
    for caller in (a, b):
        agrees(library, caller, rng)
        agrees(
            library,
            caller,
            rng,
            condition="d.source_type = 'inline'",
            filters=SearchFilters(source_types=["inline"]),
        )
    # Most of what words propose is not used: the list is full and right all the same.
    for document in documents[: 3 * len(documents) // 4]:
        library.owner.execute(
            "insert into user_document_defaults (user_id, document_id, enabled) values (%s, %s, false)", [a, document]
        )
    used = documents[3 * len(documents) // 4 :]
    agrees(library, a, rng, condition="t.document_id = any (%(used)s)", values={"used": used})
    agrees(library, b, rng)


def test_k7_a_filter_that_keeps_much_is_answered_by_postings(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "EXACT_CHUNKS", 0)
    rng = np.random.default_rng(2)
    a, _, _ = shelves(library, rng)
    index(library)
    filters = SearchFilters(source_types=["inline"])
    agrees(library, a, rng, condition="d.source_type = 'inline'", filters=filters)
    agrees(library, a, rng, condition="d.source_type = 'upload'", filters=SearchFilters(source_types=["upload"]))


@pytest.mark.usefixtures("bounds")
def test_k7_whatever_happens_to_chunks_the_index_stays_right(library: Library) -> None:
    """Deleted, brought back, archived, renamed, moved, removed and added, between searches, segments and checks."""
    rng = np.random.default_rng(3)
    a, b, documents = shelves(library, rng, documents=45)
    own, run = library.spaces[a], library.owner.execute
    index(library, most=60)
    for step in range(6):
        some = [documents[number] for number in rng.choice(len(documents), size=5, replace=False)]
        run("update documents set deleted_at = now() where id = %s", [some[0]])
        run("update documents set is_archived = not is_archived where id = %s", [some[1]])
        run("update documents set deleted_at = null where deleted_at is not null and id <> %s", [some[0]])
        run(
            "update chunk_terms set weights = (select weights from chunk_terms where document_id = %s limit 1)"
            " where document_id = %s",
            some[2:4],
        )
        run("delete from documents where id = %s", [some[4]])
        documents.remove(some[4])
        texts = some_texts(rng, 4)
        documents.append(library.add(a, texts, np.repeat(ANY, 4, axis=0))[0])
        if step % 2:
            index(library, most=60)
        if step > 1:
            assert check(library)
            assert_clean(library)
        assert_whole(library)
        for caller in (a, b):
            agrees(library, caller, rng, queries=4)
    moved = library.value("select id from documents where space_id = %s and deleted_at is null limit 1", ORGANISATION)
    index(library)
    run("update documents set space_id = %s, owner_id = %s where id = %s", [own, a, moved])
    assert library.value("select count(*) from chunk_terms where document_id = %s and number is not null", moved) == 0
    for caller in (a, b):
        agrees(library, caller, rng, queries=4)


def test_a_search_sums_each_posting_once_and_looks_up_little_more_than_it_shows(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts of rows: the parts that are summed, and the chunks that are looked up by their numbers."""
    rng = np.random.default_rng(3)
    caller = library.user()
    for _ in range(20):
        library.add(caller, some_texts(rng, 30), np.repeat(ANY, 30, axis=0), space=ORGANISATION)
    index(library)
    library.owner.execute("analyze")
    request = SearchRequest(query="w2 w9 w20 w35", mode="lexical", top_k=10)
    lexemes, _ = lexical.query_terms(request.query)
    postings = library.value("select sum(chunks) from lexical_postings where lexeme = any (%s)", lexemes)
    for seeds in (1, 4000):  # one lexeme proposes chunks, and the others are summed after it; all of them do
        monkeypatch.setattr(retrieval, "SEED_POSTINGS", seeds)
        nodes = planned(library, caller, ANY[0], request)
        summed = [node["Actual Rows"] for node in nodes if node["Node Type"] == "ProjectSet" and node["Actual Loops"]]
        assert 0 < sum(summed) <= postings
        looked_up = sum(
            node["Actual Rows"] * node["Actual Loops"]
            for node in nodes
            if node.get("Index Name") == "chunk_terms_number"
        )
        assert 10 <= looked_up < 20 if seeds > 1 else looked_up >= 10


def test_chunks_of_one_score_come_in_one_order(library: Library) -> None:
    a = library.user()
    for _ in range(4):
        library.add(a, ["same pump"] * 40, np.repeat(ANY, 40, axis=0), source_type="inline")
    everything = [row[0] for row in library.owner.execute("select chunk_id from chunk_terms order by chunk_id")]
    inline = SearchFilters(source_types=["inline"])
    for is_indexed in (False, True):
        if is_indexed:
            assert index(library) == [160]
        for top_k in (1, 5, 100):
            for filters in (SearchFilters(), inline):
                hits = library.search(a, "pump", mode="lexical", top_k=top_k, filters=filters)
                assert ids(hits) == everything[:top_k]


def test_k9_postings_are_seen_by_readers_of_their_space_only(library: Library) -> None:
    rng = np.random.default_rng(4)
    a, b, _ = shelves(library, rng)
    index(library)
    observed = {}
    for caller in (a, b):
        with library.app.transaction():
            library.app.execute("select assume_user(%s)", [caller])
            for table in ("lexical_segments", "lexical_postings"):
                rows = library.app.execute(f"select distinct space_id from {table}").fetchall()
                observed[caller, table] = {row[0] for row in rows}
    shared = {
        ORGANISATION,
        *(row[0] for row in library.owner.execute("select id from spaces where group_id is not null")),
    }
    assert observed[a, "lexical_segments"] == observed[a, "lexical_postings"] == shared | {library.spaces[a]}
    assert observed[b, "lexical_segments"] == observed[b, "lexical_postings"] == shared | {library.spaces[b]}
    with pytest.raises(psycopg.errors.InsufficientPrivilege), library.app.transaction():
        library.app.execute("select assume_user(%s)", [a])
        library.app.execute("delete from lexical_postings")


def test_small_spaces_have_no_segment_and_large_ones_few(library: Library) -> None:
    a = library.user()
    library.add(a, ["w1"] * 9, np.repeat(ANY, 9, axis=0))
    assert library.value("select extend_segments(10, 100)") == 0
    assert sizes(library) == []
    for _ in range(100):
        library.add(a, ["w1 w2"] * 10, np.repeat(ANY, 10, axis=0))
        library.value("select extend_segments(10, 100)")
    # n / most segments that are full, and smaller ones by halves.
    assert numbered(library)[1] < 10
    assert sum(sizes(library)) == numbered(library)[0]
    assert len(sizes(library)) <= 2 * (1009 // 100) + 7
    hits = library.search(a, "w2", mode="lexical", top_k=100)
    assert len(hits) == 100


def test_what_was_removed_leaves_its_segment(library: Library) -> None:
    a = library.user()
    removed, _ = library.add(a, ["secret pump"] * 5, np.repeat(ANY, 5, axis=0))
    library.add(a, ["plain pump"] * 5, np.repeat(ANY, 5, axis=0))
    index(library)
    before = library.value("select count(*) from lexical_postings")
    library.owner.execute("delete from documents where id = %s", [removed])
    assert library.value("select check_segment('1 day')") == 0
    library.owner.execute("update lexical_segments set checked_at = now() - interval '25 hours'")
    assert library.value("select check_segment('1 day')") == 1
    assert library.value("select check_segment('1 day')") == 0
    assert sizes(library) == [5]
    assert library.value("select count(*) from lexical_postings") == before - 1
    assert library.value("select max(chunks) from lexical_postings") == 5
    # However often it is looked at, and whatever joins it, what is left stays.
    for added in (0, 1, 9):
        library.add(a, ["other pump"] * added, np.repeat(ANY, added, axis=0))
        index(library)
        library.owner.execute("delete from chunk_terms where number = (select min(number) from chunk_terms)")
        assert check(library)
        assert_whole(library)
        assert_clean(library)
    assert sum(sizes(library)) == 12
    assert len(library.search(a, "pump", mode="lexical", top_k=100)) == 12
    # With nothing left of it there is no segment, and an account takes its own with it.
    library.owner.execute("delete from documents where owner_id = %s", [a])
    library.owner.execute("update lexical_segments set checked_at = now() - interval '25 hours'")
    assert library.value("select check_segment('1 day')") == 1
    assert sizes(library) == []
    b = library.user()
    library.add(b, ["his pump"] * 5, np.repeat(ANY, 5, axis=0))
    index(library)
    library.owner.execute("delete from users where id = %s", [b])
    assert library.value("select count(*) from lexical_postings") == 0


@pytest.mark.parametrize(
    "change", ["delete from documents where id = %s", "update documents set deleted_at = now() where id = %s"]
)
def test_what_was_removed_while_a_segment_was_written_leaves_it_too(
    library: Library, database: Database, change: LiteralString
) -> None:
    a = library.user()
    library.add(a, ["plain pump"] * 5, np.repeat(ANY, 5, axis=0))
    removed, _ = library.add(a, ["secret pump"] * 5, np.repeat(ANY, 5, axis=0))
    with database.connect("owner") as other:
        other.execute("begin")
        other.execute(change, [removed])
        assert index(library) == [5]
        other.execute("commit")
    library.owner.execute("delete from documents where id = %s", [removed])
    assert_whole(library)
    check(library)
    assert_clean(library)
    assert sizes(library) == [5]
    # The same where nothing else is in the segment.
    removed, _ = library.add(library.user(), ["secret pump"] * 5, np.repeat(ANY, 5, axis=0))
    with database.connect("owner") as other:
        other.execute("begin")
        other.execute(change, [removed])
        assert index(library) == []
        other.execute("rollback")
    assert_clean(library)
    assert index(library) == [5]


def test_a_segment_is_bounded_by_what_it_holds(library: Library) -> None:
    a = library.user()
    texts = [" ".join(f"w{number}" for number in range(first, first + 20)) for first in range(60)]
    library.add(a, texts, np.repeat(ANY, 60, axis=0))
    extend = "select extend_segments(1, 1000, 200)"
    while library.value(extend):
        assert_whole(library)
    assert numbered(library) == (60, 0)
    assert sizes(library) == [10] * 6
    # Smaller ones join while there is room, and one passage is never too long.
    for number in range(4):
        library.add(a, [f"w1 w2 x{number}"], ANY)
        assert library.value(extend) == 1
    library.add(a, [" ".join(f"{'xyz'[number // 100]}{number % 100}x" for number in range(300))], ANY)
    assert library.value(extend) == 1
    assert sizes(library) == [10] * 6 + [4, 1]
    current_rows = library.owner.execute(
        "select postings from lexical_segments where chunks < 10 order by chunks"
    ).fetchall()
    assert current_rows == [(301,), (16,)]  # their words and their title's
    assert_whole(library)
    agrees(library, a, np.random.default_rng(7))


# What takes too long is ended by Postgres with this code; which segments do is for the test to say.
TOO_SLOW = """
    create function too_slow() returns trigger language plpgsql as $$
    begin
        raise exception 'slow' using errcode = 'query_canceled';
    end
    $$;
    create trigger too_slow before update of postings on lexical_segments
       for each row when ({}) execute function too_slow()
"""


def test_segments_that_take_too_long_are_smaller(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LEAST", 1)
    monkeypatch.setattr(segments, "FEWER_POSTINGS", 20)
    with Library.of(service.database) as library:
        a = library.user()
        library.add(a, ["w1 w2 w3"] * 15, np.repeat(ANY, 15, axis=0))
        library.owner.execute(TOO_SLOW.format("new.postings > 20"))
        assert segments.maintain_index(60) == 3
        assert sizes(library) == [5, 5, 5]
        assert numbered(library) == (15, 0)
        assert_whole(library)


def test_words_of_what_was_removed_go_though_nothing_can_be_written(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "LEAST", 1)
    with Library.of(service.database) as library:
        a = library.user()
        removed, _ = library.add(a, ["secret pump"] * 5, np.repeat(ANY, 5, axis=0))
        library.add(a, ["plain pump"] * 5, np.repeat(ANY, 5, axis=0))
        assert index(library) == [10]
        library.add(a, ["other pump"] * 5, np.repeat(ANY, 5, axis=0))
        library.owner.execute(TOO_SLOW.format("true"))
        library.owner.execute("delete from documents where id = %s", [removed])
        library.owner.execute("update lexical_segments set checked_at = now() - interval '25 hours'")
        with service.database.connect("owner") as other:
            # Taking apart waits for nobody who changes what it holds.
            other.execute("begin")
            other.execute("select from chunk_terms where number is not null limit 1 for update")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                segments.maintain_index(0)
            assert sizes(library) == [10]
            other.execute("rollback")
        with pytest.raises(psycopg.errors.QueryCanceled):
            segments.maintain_index(0)
        assert sizes(library) == []
        assert_clean(library)
        assert numbered(library) == (0, 10)
        assert len(library.search(a, "pump", mode="lexical", top_k=100)) == 10
        library.owner.execute("drop trigger too_slow on lexical_segments")
        assert segments.maintain_index(0) == 1
        assert numbered(library) == (10, 0)
        assert_whole(library)


def test_writing_a_segment_waits_for_no_lock_and_delays_others_briefly(library: Library, database: Database) -> None:
    """Passages that somebody is changing keep out of it, and what they become is found."""
    a = library.user()
    _, chunks = library.add(a, ["w1 w2"] * 6, np.repeat(ANY, 6, axis=0))
    with database.connect("owner") as other:
        other.execute("begin")
        other.execute("update chunk_terms set weights = '{1:0.5}/536870912' where chunk_id = %s", [chunks[0]])
        library.owner.execute("set lock_timeout = '5s'")
        assert index(library) == [5]
        assert numbered(library) == (5, 1)
        other.execute("commit")
    hits = library.search(a, "w1", mode="lexical")
    assert set(ids(hits)) == set(chunks[1:])
    assert index(library)
    assert numbered(library) == (6, 0)
    assert len(library.search(a, "w2", mode="lexical")) == 5


def test_two_who_index_do_not_do_it_twice(library: Library, database: Database) -> None:
    a = library.user()
    for _ in range(8):
        library.add(a, ["w1 w2"] * 25, np.repeat(ANY, 25, axis=0))
    start = threading.Barrier(4)

    def work() -> None:
        with database.connect() as conn:
            start.wait(timeout=30)
            for _ in range(20):
                conn.execute("select extend_segments(1, 20), check_segment('1 day')")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    index(library, most=20)
    assert numbered(library) == (200, 0)
    assert sum(sizes(library)) == 200
    current_rows = (
        "select count(*), count(distinct number) from lexical_postings p, unnest(p.numbers) as number group by lexeme"
    )
    assert library.owner.execute(current_rows).fetchall() == [(200, 200)] * 3
    assert_whole(library)


def test_tick_keeps_the_index(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(segments, "LEAST", 3)
    user = service.user()
    for number in range(4):
        user.add(f"Pump {number}", f"The coolant pump P-{number} leaks.")
    assert service.rows("select count(*) from lexical_segments") == [(0,)]
    service.tick()
    assert service.rows("select chunks from lexical_segments") == [(4,)]
    result = user.post("/search", {"query": "pump P-2", "mode": "lexical"}).json["items"]
    assert result[0]["title"] == "Pump 2"
    monkeypatch.setattr(segments, "CHECK_EVERY", "0 seconds")
    assert repairs.run("index_lexemes")["index_lexemes"] != 0
