"""Cues: features of a message's wording for its analysis, without a model.

They are words and marks that distinguish a greeting from a request, or a remark about the last answer from a question,
in English, German, French and Spanish, and substrings in Chinese, which has no spaces between words. Other languages
have fewer cues.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import dropwhile

# The start of a message shows its kind; the rest of 20,000 characters is not searched.
MAX_CHARS = 2_000


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SOCIAL = _words("""
    hi hello hey hiya hellooo yo thanks thank thx ty ta cheers bye goodbye cya ok okay k cool great perfect nice lovely
    awesome brilliant wonderful lol haha hm hmm wow morning afternoon evening night welcome sorry congrats merry happy
    christmas birthday alright gotcha yay aha phew oops omg appreciate appreciated worries care
    hallo danke dank tschüss moin servus guten gute morgen tag abend nacht klar schön schönes schöne vielen grüße
    bonjour salut merci bonsoir coucou revoir accord parfait journée soirée bonne
    hola gracias adiós buenos buenas días tardes noches vale genial perfecto jaja jajaja
""")
JUDGEMENT = _words("""
    good bad best amazing funny kind useless stupid dumb helpful love hate rock suck well interesting understood
    useful sense super toll dumm nutzlos génial nul bien inútil tonto
""")
_QUESTION = _words("""
    what what's whats which who who's whos whom whose when where where's why how how's whether
    was wer wen wem wessen wo wann warum wieso wie wieviel welche welcher welches welchem
    qui que quoi quel quelle quels quelles où quand pourquoi comment combien
    qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuánta cuántos cuántas
""")
_AUXILIARY = _words("""
    is are am was were do does did can could may might must should shall will would has have had isn't aren't don't
    doesn't anyone ist sind bin darf dürfen kann muss müssen soll hat haben gibt gilt
    est-ce peut-on puis-je dois-je a-t-on puedo puede debo hay tengo
""")
_TASK = _words("""
    list summarise summarize compare write draft make give find show explain translate create generate compile collect
    prepare describe extract rewrite shorten count outline rank sort turn convert refactor document derive tabulate
    review estimate calculate fill put tell look pull name identify draw send build add fix
    fasse schreib schreibe liste vergleiche erstelle erkläre zeige suche übersetze mach
    résume fais rédige génère compare traduis explique resume haz redacta genera traduce explica lista
""")
_REQUEST = _words("please pls need i'd help bitte plaît favor")
_CONTINUING = _words("""
    and but so or also then only now same und aber oder auch dann nur et mais ou aussi y pero o también solo
""")
_REFERENCE = _words("""
    it its it's that that's this they them their those these he him his she her one ones there other others such
    das dies diese dieser dem es er sie dort davon dazu ça cela lui eux eso esto ese esa ello ellos ella él lo
""")
# What of these words, and beside them, points back at a question before. The others also stand for something in their
# own sentence, as articles do. Small letters matter: the German Sie and Ihr address the reader.
POINTING = (_REFERENCE - _words("that that's one ones there other others such das dem es lo dort")) | _words("""
    theirs hers ihn ihm ihr ihre ihren ihrem deren dessen dafür darauf darüber leur leurs celui-ci celle-ci su sus suyo
""")
# Words that join a message to the one before, at its beginning.
JOINING = _CONTINUING - _words("only now same nur solo")
_MORE = _words("""
    more else example examples details detail further deeper elaborate specific continue go check sure newer full
    beispiel sonst weiter mehr exemple plus ejemplo más
""")
_ADDRESS = _words("""
    you you're you've your yours yourself u du dich dir dein deine deinen bist kannst
    tu toi ton ta tes es-tu peux-tu vous votre tú ti tu eres sabes puedes
""")
_FORM = _words("""
    shorter short shorten simpler simple simply simplify words sentence sentences paragraph bullet bullets formal
    friendlier clearer clearly plain english german french spanish dutch chinese long gist condense half slower slowly
    markdown json tl dr tldr kürzer kurz einfacher einfachen englisch worten lang satz
    court simplement lentement phrase corto sencillas frase
""")
_TURN = _words("""
    answer answers reply response said say saying told asked ask repeat rephrase again last previous mean meant
    understand misunderstood chat conversation talked talking discussed recap subject gist text message question
    antwort wiederhole wiederholen formuliere erklär nochmal verstanden gesagt sag gespräch
    réponse répète répéter reformule compris repite entendido dicho respuesta explicarlo
""")
_SELF = _words("""
    bot robot human person machine computer ai chatgpt assistant model real name called old job help listening
    mensch ki helfen aider robot ayudar hacer hacen faire alles
""")
_OWN = _words("i i'm i'd i've i'll we my our me us ich wir mein meine unser je j'ai nous mon ma notre yo mi nuestro")
_SUBJECT = _words("""
    the a an i i'm i've we my our he she they it there nobody someone der die das ein eine ich wir seit le la les un une
    je nous el los una todavía
""")
_FUNCTION = _words("""
    a an the of to in on at for from by with as into not no yes just all very much lot too be been being if up out off
    i'm bit little here today please again really see
    der die das ein eine den im am zu für von mit nicht ja nein bitte sehr mir heute
    le la les un une de du des à pour avec pas oui non s'il plaît beaucoup el los las una en por con sí no favor muchas
""")
_LEXICON = SOCIAL | JUDGEMENT | _QUESTION | _AUXILIARY | _CONTINUING | _REFERENCE | _ADDRESS | _FORM | _TURN
_COMMON = _LEXICON | _OWN | _FUNCTION
_ABOUT_ANSWERS = _TURN | _FORM
_OPENING = SOCIAL | _FUNCTION
_EMPTY = SOCIAL | JUDGEMENT | _FUNCTION | _OWN | _ADDRESS

_CHINESE: Mapping[str, re.Pattern[str]] = {
    "social": re.compile("[你您]好|谢谢|感谢|再见|^好的|哈哈|早上好|晚上好|晚安|辛苦|明白了|太好了|嗯嗯"),
    "question": re.compile("什么|谁|哪|怎么|多少|几|吗|呢|何时|如何"),
    "task": re.compile("总结|列出|帮我|写一|翻译|比较|给出|生成"),
    "address": re.compile("[你您](?!好)"),
    "turn": re.compile("回答|再说|刚才|没听懂|换个说法|重复"),
    "form": re.compile("简短|短一点|太长|一句话|简单"),
    "self": re.compile("机器人|你是谁|能做什么|帮我吗"),
    "more": re.compile("例子|还有"),
    "reference": re.compile("那|这|[他她它]|也"),
    "own": re.compile("我"),
}
# The same in Chinese.
_POINTING_IN_CHINESE = re.compile("^(?:那|还有|以及|另外)|[他她它其]|呢[？?]?$")
_CHINESE_CHARACTER = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_CHARACTERS_PER_WORD = 1.7  # of scripts without spaces
_SMALLTALK_WORDS, _SMALLTALK_CONTENT_WORDS = 25, 4

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_MARKS: Mapping[str, re.Pattern[str]] = {
    "question mark": re.compile("[?？]"),
    "exclamation": re.compile("[!！]"),
    "full stop": re.compile(r"[.。]\s*\Z"),
    "emoji": re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]|(?<!\\w)[:;]-?[()DP]"),
    "code": re.compile(r"[`{}\[\]<>=]|\w\(|->|::|\w_\w|\b[a-z]+[A-Z]|/\w+/|--\w|\w\.(?:py|md|js|yaml|json|ts)\b"),
    "unit": re.compile(r"\d ?(?:mg|ml|kg|K|V|ms|Hz|kHz|bar|%|GB|MB)\b|°|\bM\d+\b"),
    "capitals": re.compile(r"\b[A-Z][A-Z0-9]+\b"),
    "version": re.compile(r"\bv?\d+\.\d"),
    "digit": re.compile(r"\d"),
    "name": re.compile(r"(?<=[a-z,] )[A-Z][a-z]"),
    "line": re.compile(r"\n"),
}
_RISK = re.compile(
    r"\b(?:fired?|sick leave|lawyer|legal|court|sue|evict|liable|rights|tax|doctor|dos(?:e|es|age|ing)|mg|pills?"
    r"|tablets?|medic|allerg|pregnan|diagnos|surg|hurt|suicid|harass|threat|bull(?:y|ied)|scared|passwords?|secrets?"
    r"|credential|private key|salary|earns?|severance|delet|drop|wipe|production|overrid|bypass|disable|ignore all"
    r"|disregard|unrestricted|prompt|interlock|emergency|poison|toxic|danger|safe|smoke|burning|injur|blood|pain|died"
    r"|death|insur|steal|fraud|leak|confidential|gdpr|cve|krank|kündig|schwanger|dosis|arzt|licenci|enceinte|despedir)",
    re.IGNORECASE,
)

_BARE_WORDS = 2
_ADDRESSING = _words("sie ihr ihre ihren ihrem")
_OPENERS = re.compile(
    r"\W*(?:(?:what|how) about|was ist mit|wie (?:ist|steht) es mit|qu['’]en est-il|et pour|y qué|qué hay de)\b",
    re.IGNORECASE,
)
# A place that an earlier message named; not `how many are there`.
_AT_THE_PLACE = re.compile(r"(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )\b(?:there|dort|allí)\W*$", re.IGNORECASE)

# After an earlier turn these have another meaning: "shorter" requests the last answer again, "why" is a follow-up.
_TURNED = ("length", "content", "question", "task", "reference", "continuing", "social", "form", "turn", "more", "bare")


class Cues:
    """The cues of one message, read once. `named` are the inputs of the classifier, by name, each about 0 to 1."""

    def __init__(self, message: str, previous: str | None) -> None:
        text = message[:MAX_CHARS]
        self._text = text
        self._all = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
        self._seen = frozenset(self._all)
        self._head = next(dropwhile(_OPENING.__contains__, self._all), "")
        self._chinese = bool(_CHINESE_CHARACTER.search(text))
        unspaced = len(_UNSPACED.findall(text)) / _CHARACTERS_PER_WORD
        self.words = len(self._all) + unspaced
        self._content = sum(word not in _COMMON for word in self._all) + unspaced / 2
        self.has_context = bool(previous) and Cues(previous or "", None).has_content
        self.named = dict(self._named())

    @property
    def has_content(self) -> bool:
        """Whether the message has a word besides greetings, thanks, praise and function words."""
        return not self._seen <= _EMPTY or self.words > len(self._all)

    @property
    def has_topic(self) -> bool:
        """Whether the message has a word that says what it is about."""
        return self._content > 0

    @property
    def is_bare(self) -> bool:
        """Whether the message has no topic of its own: why, how long, what else, tell me more."""
        words = [word for word in self._all if word not in _COMMON and word not in _MORE and word not in _TASK]
        if self.words > len(self._all):
            return self._content <= 1 and self._in_chinese("question") > 0
        return not words or (len(self._all) <= _BARE_WORDS and self._head in _QUESTION)

    @property
    def points_back(self) -> bool:
        """Whether the message refers to one before it, by a pronoun or its first word, or has no topic of its own."""
        written = frozenset(word.replace("’", "'") for word in _WORD.findall(self._text))
        lower = frozenset(word.lower() for word in written if word.islower() or word.lower() not in _ADDRESSING)
        joins = bool(self._all) and self._all[0] in JOINING
        starts = (_OPENERS.match(self._text) or _AT_THE_PLACE.search(self._text)) is not None
        chinese = self._chinese and _POINTING_IN_CHINESE.search(self._text.strip()) is not None
        return joins or starts or chinese or not POINTING.isdisjoint(lower) or self.is_bare

    @property
    def may_be_smalltalk(self) -> bool:
        """Whether a cue suggests small talk or a remark about the conversation, and no cue contradicts.

        Without any such word it may be a keyword, or in a language that is not known here.
        """
        has_cue = any(self.named[cue] for cue in ("social", "judgement", "address", "form", "turn", "self", "emoji"))
        short = self.words <= _SMALLTALK_WORDS and self._content <= _SMALLTALK_CONTENT_WORDS
        return has_cue and short and not self.named["more"]

    def _named(self) -> Iterator[tuple[str, float]]:
        plain = dict([*self._lexical(), *self._measured()])
        yield from plain.items()
        yield from ((name, float(bool(mark.search(self._text)))) for name, mark in _MARKS.items())
        yield "risk", float(bool(_RISK.search(self._text)))
        yield "context", float(self.has_context)
        yield from ((f"context and {name}", self.has_context * plain[name]) for name in _TURNED)

    def _lexical(self) -> Iterator[tuple[str, float]]:
        yield "question", self._head in _QUESTION or self._in_chinese("question")
        yield "auxiliary", float(self._head in _AUXILIARY)
        yield "task", self._head in _TASK or self._in_chinese("task")
        yield "continuing", float(self._head in _CONTINUING)
        yield "subject", float(self._head in _SUBJECT)
        yield "question within", float(bool(self._seen & _QUESTION))
        yield "task within", float(bool(self._seen & _TASK))
        yield "request", float(bool(self._seen & _REQUEST))
        yield "judgement", float(bool(self._seen & JUDGEMENT))
        for name, lexicon in (
            ("social", SOCIAL),
            ("reference", _REFERENCE),
            ("more", _MORE),
            ("address", _ADDRESS),
            ("form", _FORM),
            ("turn", _TURN),
            ("self", _SELF),
            ("own", _OWN),
        ):
            yield name, bool(self._seen & lexicon) or self._in_chinese(name)

    def _in_chinese(self, name: str) -> float:
        return float(self._chinese and bool(_CHINESE[name].search(self._text)))

    def _measured(self) -> Iterator[tuple[str, float]]:
        count = max(len(self._all), 1)
        yield "length", min(math.log1p(self.words) / 3, 1.5)
        yield "content", min(math.log1p(self._content) / 2, 1.5)
        yield "bare", float(self._content == 0)
        yield "social share", sum(word in SOCIAL for word in self._all) / count
        yield "turn share", sum(word in _ABOUT_ANSWERS for word in self._all) / count
        yield "address and turn", float(bool(self._seen & _ADDRESS) and bool(self._seen & _ABOUT_ANSWERS))
        letters = [character for character in self._text if character.isalpha()]
        yield "not ASCII", sum(not letter.isascii() for letter in letters) / max(len(letters), 1)
