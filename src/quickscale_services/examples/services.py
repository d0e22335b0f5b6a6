"""Found at start-up: what this app offers, each service in a module of its own."""

from quickscale_services import register_service
from quickscale_services.examples.csv_check import CsvCheck
from quickscale_services.examples.picture_details import PictureDetails
from quickscale_services.examples.sentence_review import SentenceReview
from quickscale_services.examples.text_statistics import TextStatistics
from quickscale_services.examples.text_summary import TextSummary

for service in (CsvCheck, PictureDetails, SentenceReview, TextStatistics, TextSummary):
    register_service(service)
