"""What the demo's customers bring along: a few notes, a table, pictures."""

from io import BytesIO

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw

NOTES = [
    """The harbor market opened on Saturday with forty stalls, nine more than a year ago. Fishermen sold
    most of their catch before ten. The bakery from Mill Lane ran out of rye bread twice, and its
    owner has promised a second oven. Visitors praised the new benches but asked for shade. The
    council will decide in March whether the market may stay open until four, as most traders wish.""",
    """We tested three glues on wet oak. The first held for two days and then let go without warning. The
    second never set below ten degrees, which rules it out for winter work. The third took an hour
    longer than the label says, but after a week no joint had moved. We shall use the third one for
    the boathouse, and start before the frosts.""",
    """Rain fell on nineteen days of the month, and the river stood a foot above its usual mark. Seedlings
    in the lower field rotted and must be sown again. The upper field drained well because of the
    ditch that was dug in autumn. Next year the ditch should be carried on to the lower field,
    whatever it costs, for it has paid for itself in one wet spring.""",
]

ORDERS = b"""order,date,customer,amount
1001,2026-01-05,Harbor Books,120.50
1002,2026-01-07,Mill Lane Bakery,38.00
1003,2026-01-07,Harbor Books,not yet known
1004,2026-01-12,Ferry Company,910.25
1005,2026-01-15,Mill Lane Bakery,41.75
"""


def orders():
    return ContentFile(ORDERS, "orders.csv")


def picture(number):
    """A small seascape; another light for every number. Some were cut off on their way, as pictures are."""
    sky, sea = (250 - number * 23 % 120, 180, 120 + number * 31 % 100), (30, 70 + number * 17 % 60, 120)
    image = Image.new("RGB", (640, 420), sky)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 260, 640, 420), fill=sea)
    draw.ellipse((90 + number * 67 % 400, 120, 190 + number * 67 % 400, 220), fill=(255, 240, 200))
    buffer = BytesIO()
    image.save(buffer, "JPEG")
    content = buffer.getvalue()
    return ContentFile(content[:900] if number % 9 == 4 else content, f"seascape-{number}.jpg")
