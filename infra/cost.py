"""What a month costs: `make cost REQUESTS=100000 DOCUMENTS=10000`, by component, from the list prices of prices.toml.

A model, not a quotation: every assumption is a field of Usage or Deployment and stands in docs/cost.md with its reason.
Free tiers are taken off with FREE_TIER=1, and only what is free in every month of every account.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

from infra.bill import (
    DATABASES,
    NETWORKS,
    ROOT,
    CostError,
    Deployment,
    Price,
    Usage,
    bill,
    prices,
    regions,
    suffices,
)

PAGE = ROOT / "docs" / "cost.md"


# What docs/cost.md shows
SIZES: Mapping[str, Usage] = {
    "idle": Usage(),
    "a team": Usage(requests=100_000, documents=2_000),
    "a company": Usage(requests=2_000_000, documents=50_000, gpu_hours=5),
    "a big organisation": Usage(requests=20_000_000, documents=500_000, gpu_hours=40),
}
VARIANTS: Mapping[str, Deployment] = {
    "as the template stands": Deployment(),
    "Aurora that pauses: the stage `trial`": Deployment(database="aurora-paused"),
    "endpoints": Deployment(network="endpoints"),
    "endpoints in one zone": Deployment(network="endpoints-one-zone"),
    "NAT": Deployment(network="nat"),
    "endpoints and NAT": Deployment(network="endpoints+nat"),
    "a plain RDS instance": Deployment(database="rds"),
    "passwords instead of logins by IAM": Deployment(secrets=4),
    "RDS Proxy, with passwords": Deployment(proxy=True, secrets=4),
    "a firewall": Deployment(waf=True),
    "X-Ray": Deployment(tracing=True),
    "arm64": Deployment(architecture="arm64"),
    "every alarm and the dashboard": Deployment(alarms=22, dashboard=True),
}
TRIAL = VARIANTS["Aurora that pauses: the stage `trial`"]


def size_table(listed: Mapping[str, Price], deployment: Deployment = TRIAL) -> str:
    """Markdown: each size's bill by component, as the stage `trial` stands."""
    bills = {name: bill(usage, deployment, listed) for name, usage in SIZES.items()}
    rows = [["component", *bills]]
    for component in next(iter(bills.values())):
        amounts = [of_size[component] for of_size in bills.values()]
        if any(amounts):
            rows.append([component, *(f"{amount:,.2f}" for amount in amounts)])
    rows.append(["**together**", *(f"**{sum(of_size.values()):,.0f}**" for of_size in bills.values())])
    return _markdown(rows)


def variant_table(listed: Mapping[str, Price]) -> str:
    """Markdown: what each size costs together when one thing is chosen otherwise."""
    rows = [["", *SIZES]]
    for name, deployment in VARIANTS.items():
        totals = [
            f"{sum(bill(usage, deployment, listed).values()):,.0f}" if suffices(usage, deployment) else "too small"
            for usage in SIZES.values()
        ]
        rows.append([name, *totals])
    return _markdown(rows)


def free_table() -> str:
    """Markdown: the stage `trial` of each size in each region, with and without what is always free."""
    rows = [["region", *(f"{size}{of}" for size in SIZES for of in ("", ", less what is always free"))]]
    for region in regions():
        lists = [prices(region, free_tier=is_free) for is_free in (False, True)]
        rows.append(
            [
                region,
                *(f"{sum(bill(usage, TRIAL, listed).values()):,.2f}" for usage in SIZES.values() for listed in lists),
            ]
        )
    return _markdown(rows)


def price_table(listed: Mapping[str, Price]) -> str:
    """Markdown: every price with its source and where and when it was seen."""
    rows = [["price", "USD", "for", "published at", "seen"]]
    for name, price in listed.items():
        amount = f"{price.per:,} {price.unit}" if price.per > 1 else price.unit
        rows.append([f"`{name}`", f"{price.usd:.10f}".rstrip("0").rstrip("."), amount, price.source, price.seen])
    return _markdown(rows)


def _markdown(rows: Iterable[list[str]]) -> str:
    head, *body = rows
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in body)])


def tables(listed: Mapping[str, Price]) -> dict[str, str]:
    """The tables of docs/cost.md by the name of their place in it."""
    return {
        "sizes": size_table(listed),
        "variants": variant_table(listed),
        "regions": free_table(),
        "prices": price_table(listed).replace("---:|", "---|"),
    }


def with_tables(page: str, table_by_name: Mapping[str, str]) -> str:
    """The page with its tables made anew. CostError when it has no place for one."""
    for name, table in table_by_name.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if begin not in page or end not in page:
            raise CostError(f"docs/cost.md has no place for the table of {name}.")
        before, rest = page.split(begin, 1)
        page = f"{before}{begin}\n{table}\n{end}" + rest.split(end, 1)[1]
    return page


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.cost", description="What a month costs, in USD.")
    for name, meaning in (
        ("requests", "requests to the API in a month"),
        ("documents", "documents held"),
        ("gpu-hours", "hours of the GPU task"),
    ):
        parser.add_argument(f"--{name}", type=_amount, default=0.0, help=meaning)
    parser.add_argument("--database", default="aurora-paused", help=", ".join(DATABASES))
    parser.add_argument("--network", default="ipv6", help=", ".join(NETWORKS))
    parser.add_argument("--arch", default="x86_64", help="x86_64 or arm64")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--free-tier", action="store_true", help="less what is free in every month of every account")
    parser.add_argument("--waf", action="store_true", help="a web application firewall")
    parser.add_argument("--proxy", action="store_true", help="RDS Proxy")
    parser.add_argument("--tracing", action="store_true", help="X-Ray")
    parser.add_argument("--page", action="store_true", help="write the tables of docs/cost.md instead")
    return parser.parse_args()


def _amount(text: str) -> float:
    value = float(text.replace("_", "").replace(",", ""))
    if not 0 <= value <= 1e12:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 10^12")
    return value


def main() -> None:
    """Print the bill of one deployment, or write the page's tables."""
    arguments = _arguments()
    try:
        listed = prices(arguments.region, free_tier=arguments.free_tier)
        if arguments.page:
            PAGE.write_text(with_tables(PAGE.read_text("utf-8"), tables(listed)), "utf-8")
            return
        deployment = Deployment(
            arguments.database,
            arguments.network,
            arguments.arch,
            waf=arguments.waf,
            proxy=arguments.proxy,
            tracing=arguments.tracing,
        )
        _print(Usage(arguments.requests, arguments.documents, arguments.gpu_hours), deployment, listed)
    except CostError as error:
        sys.exit(f"error: {error}")


def _print(usage: Usage, deployment: Deployment, listed: Mapping[str, Price]) -> None:
    print(f"  {usage.requests:,.0f} requests, {usage.questions:,.0f} of them questions")
    print(f"  {usage.documents:,.0f} documents, {usage.ingested:,.0f} of them new")
    print(f"  {deployment.database}, {deployment.network}, {deployment.architecture}\n")
    if not suffices(usage, deployment):
        print(f"  db.t4g.medium is too small: searches read {usage.database_gb * usage.hot_share:,.0f} GB\n")
    price_table = bill(usage, deployment, listed)
    for component, usd in price_table.items():
        if usd:
            print(f"  {component:<22}{usd:12,.2f}")
    print(f"  {'USD a month':<22}{sum(price_table.values()):12,.2f}\n")
    for name, other in (("x86_64", "arm64"), ("arm64", "x86_64")):
        if deployment.architecture == name:
            total = sum(bill(usage, replace(deployment, architecture=other), listed).values())
            print(f"  with {other} {total:,.2f}; list prices without taxes and language models,")
    prompt, completion = usage.questions * 3_000 / 1e6, usage.questions * 400 / 1e6
    print(
        f"  which would read about {prompt:,.1f} and write {completion:,.1f} million tokens at their provider's price"
    )


if __name__ == "__main__":
    main()
