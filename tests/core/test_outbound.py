"""One policy for every address that the service calls; chat/llm/test_addresses.py tries the forms of addresses."""

import pytest

from chalicelib.core import outbound

METADATA = ["169.254.169.254", "2852039166", "0xA9FEA9FE", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"]


@pytest.mark.parametrize("host", METADATA)
def test_no_request_reaches_the_metadata_service_by_any_name(host: str) -> None:
    with pytest.raises(outbound.AddressError, match="link-local"):
        outbound.fetch("GET", f"https://{host}/latest/meta-data/")


def test_a_name_that_is_unknown_is_an_outbound_error() -> None:
    with pytest.raises(outbound.UnknownHostError, match=r"nowhere\.invalid"):
        outbound.fetch("GET", "https://nowhere.invalid/")


@pytest.mark.parametrize("url", ["http://vllm.internal:8000/v1", "http://10.0.0.7:8000/v1"])
def test_only_a_registered_endpoint_may_be_unencrypted(url: str) -> None:
    assert outbound.check_endpoint(url) == url
    with pytest.raises(outbound.AddressError, match="https"):
        outbound.check_url(url)
