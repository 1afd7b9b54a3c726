"""Numbers as a spreadsheet shows them: the format codes of Excel (ECMA-376 part 1, 18.8.30 and 18.8.31).

Percent, currencies, leading zeros, thousands, fractions, scientific notation, dates, times and durations. Colours and
widths have no place in text. Dates without a fixed format are written as ISO 8601, because their order depends on the
reader's country.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation, localcontext
from fractions import Fraction
from functools import lru_cache

from chalicelib.knowledge.ingestion.extraction.built_in_formats import GENERAL as GENERAL
from chalicelib.knowledge.ingestion.extraction.format_codes import Section, sections

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_LONGEST_CODE = 255
_MOST_DECIMALS = 30
_LAST_SERIAL = 2_958_466
_GENERAL_DIGITS = 15
_LONG_INTEGER = 20
_LONGEST_NUMBER = 50


_HALF_UP = Context(prec=60, rounding=ROUND_HALF_UP)


# Formats that most cells have: how many decimals, whether thousands are grouped, and percent. Python's own formatting
# gives the same result for these, in a tenth of the time.
_SIMPLE = re.compile(r"(#,##)?0(?:\.(0{1,9}))?(%)?(?:_\))?")


@lru_cache(maxsize=512)
def _simple(code: str) -> tuple[str, int] | None:
    match = _SIMPLE.fullmatch(code)
    if match is None:
        return None
    return f"{{:{',' if match[1] else ''}.{len(match[2] or '')}f}}{match[3] or ''}", 2 if match[3] else 0


def shown(value: Decimal | float | str, code: str, *, from_1904: bool = False) -> str:
    """The number `value` as the format `code` shows it; a number that the code cannot show, as it is stored."""
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return str(value)
    simple = _simple(code)
    if simple is not None and abs(number.adjusted()) < _LONG_INTEGER:
        template, shift = simple
        with localcontext(_HALF_UP):
            text = template.format(number.scaleb(shift) if shift else number)
        return text[1:] if text.startswith("-") and not text.strip("-0.,%") else text
    if not number.is_finite():
        return str(value)
    section, magnitude = _chosen(number, code[:_LONGEST_CODE])
    if section is not None and not section.tokens and ";" in code:
        return ""
    if section is None or section.has("general") or not section.tokens or number.adjusted() > _LONGEST_NUMBER:
        return _around(section, general(number)) if section else general(number)
    if section.has("text") and not section.has("digit"):
        return _around(section, general(number))
    if section.has("moment", "elapsed", "half"):
        return _moment(number, section, from_1904) or general(number)
    with localcontext() as context:
        context.prec = 200
        return _number(magnitude, section)


def general(number: Decimal) -> str:
    """A number without a format: whole numbers in full, others with 15 significant digits."""
    if number == number.to_integral_value() and number.adjusted() <= _LONG_INTEGER:
        return str(int(number))
    text = f"{number:.{_GENERAL_DIGITS}g}".lower()
    mantissa, e, exponent = text.partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    if not e:
        return mantissa
    if -10 < int(exponent) < 0:
        return f"{Decimal(mantissa + 'e' + exponent):f}"
    return f"{mantissa}E{int(exponent):+03d}"


def _chosen(number: Decimal, code: str) -> tuple[Section | None, Decimal]:
    """The section of the code for a number, and the number without the sign that the section stands for."""
    parts = sections(code)
    if any(section.condition for section in parts):
        for section in parts:
            if section.condition is None or _holds(number, section.condition):
                return section, number
        return None, number
    if len(parts) > 2 and number == 0:
        return parts[2], number
    if len(parts) > 1 and number < 0:
        return parts[1], -number
    return parts[0], number


def _holds(number: Decimal, condition: str) -> bool:
    match = re.match(r"([<>=]+)(-?[\d.]+)", condition)
    try:
        limit = Decimal(match[2]) if match else Decimal(0)
    except InvalidOperation:
        return False
    compared = (number > limit) - (number < limit)
    return {"<": compared < 0, ">": compared > 0, "=": compared == 0, "<=": compared <= 0, ">=": compared >= 0}.get(
        match[1] if match else "", compared != 0
    )


def _around(section: Section, text: str) -> str:
    parts = [text if kind in ("general", "text") else word for kind, word in section.tokens if kind != "digit"]
    return "".join(parts) if section.has("general", "text") else text


def _number(number: Decimal, section: Section) -> str:
    tokens = list(section.tokens)
    number *= Decimal(100) ** sum(1 for kind, _ in tokens if kind == "percent")
    if not section.has("digit"):
        # A section of words alone shows no number; a bare sign such as "%" neither.
        return "".join(text for kind, text in tokens if kind in ("literal", "percent", "slash", "comma", "point"))
    if section.has("slash"):
        return _fraction(number, tokens)
    exponent = next((i for i, (kind, _) in enumerate(tokens) if kind == "scientific"), None)
    if exponent is not None:
        return _scientific(number, tokens, exponent)
    number, tokens = _scaled(number, tokens)
    return _filled(number, tokens)


def _scaled(number: Decimal, tokens: list[tuple[str, str]]) -> tuple[Decimal, list[tuple[str, str]]]:
    """Each comma right after the last digit of the whole part divides by a thousand."""
    last = max(i for i, (kind, _) in enumerate(tokens) if kind == "digit")
    point = next((i for i, (kind, _) in enumerate(tokens) if kind == "point"), len(tokens))
    place = max((i for i, (kind, _) in enumerate(tokens[:point]) if kind == "digit"), default=last)
    for start in {place, last}:
        while start + 1 < len(tokens) and tokens[start + 1][0] == "comma":
            number /= 1000
            del tokens[start + 1]
    return number, tokens


def _filled(number: Decimal, tokens: list[tuple[str, str]]) -> str:
    """The digits of a number in their places."""
    point = next((i for i, (kind, _) in enumerate(tokens) if kind == "point"), len(tokens))
    decimals = [text for kind, text in tokens[point:] if kind == "digit"][:_MOST_DECIMALS]
    wholes = [text for kind, text in tokens[:point] if kind == "digit"]
    rounded = abs(number).quantize(Decimal(1).scaleb(-len(decimals)), ROUND_HALF_UP)
    whole, _, fraction = f"{rounded:f}".partition(".")
    whole = whole.lstrip("0").rjust(wholes.count("0"), "0")
    least = max((i + 1 for i, text in enumerate(decimals) if text == "0"), default=0)
    while len(fraction) > least and fraction.endswith("0"):
        fraction = fraction[:-1]
    grouped = any(kind == "comma" for kind, _ in tokens[:point])
    sign = "-" if number < 0 and rounded else ""
    parts = list(_whole_part(whole, tokens[:point], len(wholes), grouped=grouped))
    digits = iter(fraction)
    for kind, text in tokens[point:]:
        if kind == "point":
            parts.append("." if fraction else "")
        else:
            parts.append(next(digits, "") if kind == "digit" else text)
    return sign + "".join(parts).strip()


def _whole_part(whole: str, tokens: list[tuple[str, str]], places: int, *, grouped: bool) -> Iterator[str]:
    place = 0
    for kind, text in tokens:
        if kind == "comma":
            continue
        if kind != "digit":
            yield text
            continue
        # The first place takes what has no place of its own.
        start = 0 if place == 0 else max(len(whole) - (places - place), 0)
        end = max(len(whole) - (places - place - 1), 0)
        place += 1
        for index in range(start, end):
            left = len(whole) - index
            yield whole[index] + ("," if grouped and left > 1 and left % 3 == 1 else "")


def _scientific(number: Decimal, tokens: list[tuple[str, str]], at: int) -> str:
    wholes = max(sum(1 for kind, _ in tokens[: _point_of(tokens, at)] if kind == "digit"), 1)
    exponent = number.adjusted() if number else 0
    exponent -= exponent % wholes if wholes > 1 else 0
    mantissa = _filled(number.scaleb(-exponent), tokens[:at])
    width = sum(1 for kind, _ in tokens[at:] if kind == "digit")
    sign = "-" if exponent < 0 else "+" if tokens[at][1].endswith("+") else ""
    return f"{mantissa}E{sign}{abs(exponent):0{width}d}"


def _point_of(tokens: list[tuple[str, str]], end: int) -> int:
    return next((i for i, (kind, _) in enumerate(tokens[:end]) if kind == "point"), end)


def _fraction(number: Decimal, tokens: list[tuple[str, str]]) -> str:
    slash = next(i for i, (kind, _) in enumerate(tokens) if kind == "slash")
    fixed = re.match(r"\d+", "".join(text for _, text in tokens[slash + 1 :]).strip())
    places = sum(1 for kind, _ in tokens[slash:] if kind == "digit")
    before = "".join("0" if kind == "digit" else " " for kind, _ in tokens[:slash]).split()
    value = Fraction(abs(number))
    if fixed and fixed[0].strip("0"):
        denominator = int(fixed[0])
        nearest = Fraction(round(value * denominator), denominator)
    else:
        nearest = value.limit_denominator(10 ** min(max(places, 1), 6) - 1)
        denominator = nearest.denominator
    whole, rest = divmod(nearest, 1) if len(before) > 1 else (0, nearest)
    numerator = rest * denominator
    sign = "-" if number < 0 and nearest else ""
    if not numerator and len(before) > 1:
        return f"{sign}{whole}"
    return f"{sign}{whole} {numerator}/{denominator}" if whole else f"{sign}{numerator}/{denominator}"


def _moment(number: Decimal, section: Section, from_1904: bool) -> str | None:
    """A date, a time or a duration; None outside the calendar of spreadsheets."""
    decimals = _subsecond_digits(section)
    seconds = int((number * 86_400 * 10**decimals).to_integral_value(ROUND_HALF_UP))
    elapsed = section.has("elapsed")
    if (number < 0 and not elapsed) or abs(number) >= _LAST_SERIAL:
        return None
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    fraction, seconds = seconds % 10**decimals, seconds // 10**decimals
    days, in_day = divmod(seconds, 86_400)
    return sign + "".join(_moments(section, _day(days, from_1904), seconds, in_day, f"{fraction:0{decimals}d}"))


def _day(days: int, from_1904: bool) -> date:
    if from_1904:
        return date(1904, 1, 1) + timedelta(days=days)
    # The first calendar of spreadsheets has a 29 February 1900.
    return date(1899, 12, 30) + timedelta(days=days + 1 if 0 < days < 60 else days)


def _subsecond_digits(section: Section) -> int:
    texts = "".join(text if kind in ("digit", "point") else " " for kind, text in section.tokens)
    match = re.search(r"\.(0+)", texts)
    return min(len(match[1]), 6) if match else 0


def _moments(section: Section, day: date, seconds: int, in_day: int, fraction: str) -> Iterator[str]:
    hour = in_day // 3600
    shown_hour = hour
    if section.has("half"):
        shown_hour = hour % 12 or 12
    after_point = False
    for kind, text in section.tokens:
        letter, width = text[:1].lower(), len(text)
        if kind == "elapsed":
            yield f"{seconds // {'h': 3600, 'm': 60, 's': 1}[letter]:0{width}d}"
        elif kind == "half":
            yield ("AM" if hour < 12 else "PM")[: 1 if width == len("a/p") else 2]
        elif kind == "moment":
            yield _part(letter, width, day, shown_hour, in_day)
        elif kind == "point":
            after_point = bool(fraction) and not after_point and section.has("digit")
            yield "." + fraction if after_point else text if not section.has("digit") else ""
        elif kind not in ("digit", "general", "text"):
            yield text


def _part(letter: str, width: int, day: date, hour: int, in_day: int) -> str:
    minute, second = in_day // 60 % 60, in_day % 60
    if letter in "hns":
        value = {"h": hour, "n": minute, "s": second}[letter]
        return f"{value:0{min(width, 2)}d}"
    if letter == "y":
        return f"{day.year:04d}" if width > 2 else f"{day.year % 100:02d}"
    number, names = (day.month, _MONTHS) if letter == "m" else (day.day, _DAYS)
    if width <= 2:
        return f"{number:0{width}d}"
    name = names[day.month - 1] if letter == "m" else names[day.weekday()]
    return name[:3] if width == 3 else name[:1] if width == 5 else name
