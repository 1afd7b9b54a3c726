"""The bill: every price has a source, the page shows what the command computes, and nothing that is there is free."""

import json
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import cfn_flip  # type: ignore[import-untyped]
import pytest

from infra import bill, cost, stages
from infra.bill import Deployment, Usage

LISTED = bill.prices("us-east-1")
FREE = bill.prices("us-east-1", free_tier=True)
TEAM = cost.SIZES["a team"]


def _total(usage: Usage, deployment: Deployment) -> float:
    return sum(bill.bill(usage, deployment, LISTED).values())


def test_the_page_shows_what_the_command_computes() -> None:
    page = cost.PAGE.read_text("utf-8")
    assert page == cost.with_tables(page, cost.tables(LISTED)), "run `python -m infra.cost --page`"


def test_the_readme_claims_what_the_command_computes() -> None:
    idle = [sum(bill.bill(Usage(), cost.TRIAL, prices).values()) for prices in (LISTED, FREE)]
    claim = f"{idle[0]:.2f} USD a month, or {idle[1]:.2f} less what AWS gives every account free"
    readme = (bill.ROOT / "README.md").read_text("utf-8")
    assert claim in " ".join(readme.split())


def test_every_free_unit_belongs_to_a_price() -> None:
    assert any(price.free for price in FREE.values())
    assert {name for name, price in FREE.items() if price.free} == set(tomllib.loads(bill.PRICES.read_text())["free"])
    assert not any(price.free for price in LISTED.values())


def test_every_price_is_used() -> None:
    """Each price doubled moves some bill."""
    everything = [
        *cost.VARIANTS.values(),
        Deployment(architecture="arm64", database="rds", waf=True, proxy=True, network="nat", dashboard=True),
    ]
    busy = cost.SIZES["a big organisation"]
    before = [_total(busy, deployment) for deployment in everything]
    unused = set()
    for name, price in LISTED.items():
        dearer = {**LISTED, name: replace(price, usd=price.usd * 2)}
        after = [sum(bill.bill(busy, deployment, dearer).values()) for deployment in everything]
        unused |= {name} if after == before else set()
    assert not unused


def test_an_idle_month_is_computed_by_hand() -> None:
    """Half an ACU, one key, one secret, alarms, looks of `tick` and `drill` and daily sweeps, from the list prices."""
    idle = bill.bill(Usage(), Deployment(), LISTED)
    sweeps = 2 * 730 / 24
    assert idle["database"] == pytest.approx(0.5 * 730 * 0.12 + 0.1 * 0.10)
    assert bill.bill(Usage(), Deployment(network="endpoints"), LISTED)["endpoints"] == pytest.approx(3 * 2 * 730 * 0.01)
    assert idle["endpoints"] == 0
    assert idle["keys and secrets"] == pytest.approx(1.00 + 0.40 + sweeps / 100 * 0.05 / 10_000)
    seconds = 43_800 * 0.05 + sweeps * 0.3
    gb_seconds = seconds * 0.5 + 8_760 * 0.2 * 0.25
    assert idle["functions"] == pytest.approx(gb_seconds * 0.0000166667 + (43_800 + 8_760) * 0.20 / 1e6)
    assert idle["bucket"] == pytest.approx(sweeps * 0.005 / 1000 + 8_760 * 0.0004 / 1000)
    assert idle["API Gateway"] == idle["NAT gateway"] == idle["GPU task"] == idle["firewall"] == 0


def test_the_bill_counts_the_alarms_of_the_template() -> None:
    document = json.loads(cfn_flip.to_json((stages.TEMPLATES / "monitoring.yaml").read_text("utf-8")))
    alarms: Counter[str] = Counter()
    for name, item in document["Resources"].items():
        loops = name.startswith("Fn::ForEach")
        for resource in item[2].values() if loops else [item]:
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                metrics = [query for query in resource["Properties"].get("Metrics", []) if "MetricStat" in query]
                alarms[resource.get("Condition", "few")] += (len(metrics) or 1) * (len(item[1]) if loops else 1)
    assert alarms.keys() == {"few", "HasAll", "HasAllOfAurora", "HasRds", "HasAllOfRds"}
    assert (alarms["few"], alarms["HasRds"]) == (Deployment().alarms, 1)
    every = cost.VARIANTS["every alarm and the dashboard"].alarms
    assert alarms["few"] + alarms["HasAll"] + alarms["HasAllOfAurora"] == every


def test_a_nat_gateway_costs_its_hours_and_its_address() -> None:
    assert bill.bill(Usage(), Deployment(network="nat"), LISTED)["NAT gateway"] == pytest.approx(730 * 0.050)
    assert bill.bill(Usage(), Deployment(network="nat"), LISTED)["endpoints"] == 0


def test_a_trace_is_paid_for_each_first_of_a_second_and_a_twentieth_of_the_rest() -> None:
    assert bill.bill(TEAM, Deployment(), LISTED)["traces"] == 0
    ticks = bill.bill(Usage(), Deployment(tracing=True), LISTED)["traces"]
    assert ticks == pytest.approx(43_800 * 5 / 1e6)
    busy = bill.bill(Usage(requests=20_000_000, questions_share=0), Deployment(tracing=True), LISTED)["traces"]
    assert busy == pytest.approx((2_628_000 + (20_043_800 - 2_628_000) / 20) * 5 / 1e6)


def test_pausing_costs_the_daily_sweep() -> None:
    paused = bill.bill(Usage(), Deployment(database="aurora-paused"), LISTED)["database"]
    assert paused == pytest.approx(0.5 * 730 / 24 * (120 + 420) / 3600 * 0.12 + 0.01)


@pytest.mark.parametrize("field", [field.name for field in fields(Usage)])
def test_more_of_anything_never_costs_less(field: str) -> None:
    usage = replace(TEAM, gpu_hours=1.0, requests=20_000_000)
    more = replace(usage, **{field: getattr(usage, field) * 3})
    difference = _total(more, Deployment()) - _total(usage, Deployment())
    assert difference < 0 if field == "requests_per_acu" else difference >= 0


def test_what_does_not_fit_is_not_called_cheap() -> None:
    assert "| too small | too small |" in cost.variant_table(LISTED)


def test_a_price_without_source_and_a_region_without_prices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(bill.CostError, match="no prices for eu-north-1; there are for us-east-1, us-east-2, us-west-2"):
        bill.prices("eu-north-1")
    lacking = tmp_path / "lacking.toml"
    lacking.write_text('[here.prices]\nx = { usd = 1, per = 1, unit = "u", source = "aws.amazon.com", seen = "" }\n')
    with pytest.raises(bill.CostError, match="Without a source or a date: x"):
        bill.prices("here", lacking)


@pytest.mark.parametrize(
    "arguments", [["--database", "oracle"], ["--network", "none"], ["--arch", "mips"], ["--region", "mars"]]
)
def test_what_there_is_not_is_refused_in_a_sentence(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "infra.cost", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=bill.ROOT)
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: ")
    assert "Traceback" not in finished.stderr
