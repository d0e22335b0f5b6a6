"""Found at start-up: what this app offers, each service in a module of its own."""

from quickscale_services import register_service
from quickscale_services.examples.chat import Chat
from quickscale_services.examples.conf import conf
from quickscale_services.examples.csv_check import CsvCheck
from quickscale_services.examples.keywords import Keywords
from quickscale_services.examples.picture_details import PictureDetails
from quickscale_services.examples.sentence_review import SentenceReview
from quickscale_services.examples.sentiment import Sentiment
from quickscale_services.examples.text_statistics import TextStatistics
from quickscale_services.examples.text_summary import TextSummary

for service in (CsvCheck, Keywords, PictureDetails, SentenceReview, Sentiment, TextStatistics, TextSummary):
    register_service(service)

if conf.offers_chat:
    register_service(Chat)
