"""What a question names (M15): in answers of language models, in the agent's tools and in searches."""

from chalicelib.chat.reader import reader
from tests.chat.answers import Answers, calls, turns, words

CODES = "E1042: the oil pressure is too low, refill the tank. E1043: a fuse has blown, replace it."


def test_m15_a_model_is_not_asked_about_a_code_that_no_chunk_holds(answers: Answers) -> None:
    user = answers.user()
    user.add("Press", CODES)
    with answers.model(words("Never said.")) as (model, server):
        answer = answers.answered(user, "What does error E1044 mean?", model=model)
    assert not server.requests
    assert answer["content"] == f"{reader.DECLINED} No document that you use here contains \u201cE1044\u201d."
    assert answer["sources"] == []


def test_m15_a_model_is_told_which_name_no_chunk_holds(answers: Answers) -> None:
    user = answers.user()
    user.add("Press", CODES)
    with answers.model(words("Nothing about it.")) as (model, server):
        answers.answered(user, "What does the manual of Umbrella say about the fuse?", model=model)
    assert "(No document that you use here contains \u201cUmbrella\u201d.)" in turns(server)[-1]["content"]


def test_m15_the_agents_search_says_which_code_no_passage_holds(answers: Answers) -> None:
    user = answers.user()
    user.add("Press", CODES)
    scripts = calls(("search_documents", {"query": "error E1044"})), words("Not found.")
    with answers.model(*scripts) as (model, server):
        answers.answered(user, "What does error E1044 mean?", model=model, pipeline="agent")
    (result,) = [turn["content"] for turn in turns(server) if turn["role"] == "tool"]
    assert "No document that you use here contains \u201cE1044\u201d." in result


def test_k7_an_explained_search_says_which_words_no_hit_holds(answers: Answers) -> None:
    user = answers.user()
    user.add("Press", CODES)
    result = user.post("/search", {"query": "error E1044 of the fuse", "explain": True}).json
    assert result["items"]
    assert result["missing_terms"] == ["error", "E1044"]
    assert user.post("/search", {"query": "error E1044 of the fuse"}).json["missing_terms"] is None
    assert user.post("/search", {"query": "e-1043 fuses", "explain": True}).json["missing_terms"] == []
