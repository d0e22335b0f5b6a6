"""The pages of the docs that sell: their Python blocks run against the simulator."""

import pytest

from quickscale_billing import catalog
from quickscale_billing.models import CreditPack
from tests.parts import ROOT
from tests.test_docs import PAGES, name_of, reader, run_page, sells

__all__ = ["reader"]  # a fixture

pytestmark = pytest.mark.once


@pytest.mark.parametrize("page", [page for page in PAGES if sells(page)], ids=name_of)
def test_the_python_blocks_of_a_page_that_sells_run(page, stripe_simulator, reader, settings):
    if "pack-1000" in page.read_text() and "CreditPack.objects.create" not in page.read_text():
        CreditPack.objects.create(slug="pack-1000", name="1000 credits", credits=1000, amount=4900, currency="usd")
    run_page(page, reader | {"stripe_simulator": stripe_simulator}, settings)


@pytest.mark.parametrize("name", ["catalog-file", "sell-credits"])
def test_a_catalog_on_a_page_can_be_read(name, tmp_path):
    blocks = (ROOT / "docs" / "how-to" / f"{name}.md").read_text().split("```toml\n")[1:]
    file = tmp_path / "catalog.toml"
    file.write_text("\n".join(block.partition("```")[0] for block in blocks))
    assert catalog.read(file).packs
