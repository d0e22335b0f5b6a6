"""Is this CSV sound, and what is in its columns?"""

from typing import Annotated, Literal, Self

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from quickscale_services import BaseService, pricing
from quickscale_services.context import Context
from quickscale_services.examples.csv_columns import Column
from quickscale_services.examples.csv_file import NotCsv, decode, detect_delimiter, records
from quickscale_services.examples.csv_report import Report, report_on
from quickscale_services.exceptions import InvalidInput
from quickscale_services.files import MB, Accept, Upload

MAX_SIZE = 5 * MB
HEADER = {"detect": None, "yes": True, "no": False}


class Problem(BaseModel):
    kind: str
    line: int | None = Field(description="Where its record begins in the file, counted from 1.")
    column: str | None
    message: str


class ProblemCount(BaseModel):
    kind: str
    times: int


class ColumnReport(BaseModel):
    name: str
    type: str
    missing: int
    distinct: int = Field(description="Counted up to 1,000.")
    minimum: str | None
    maximum: str | None
    longest: int = Field(description="Characters of the longest value.")


class CsvCheck(BaseService):
    name = "csv-check"
    title = _("CSV check with column report")
    description = _("Finds what is wrong with a CSV, row by row, and says what each of its columns holds.")
    cost = pricing.PerUnit("megabytes", 1)
    timeout = 60

    class Input(BaseModel):
        file: Annotated[Upload, Accept("text/csv", ".csv", ".tsv", ".txt", max_size=MAX_SIZE)] | None = Field(
            default=None, description="At most 5 MB, 100,000 rows and 200 columns."
        )
        text: str | None = Field(
            default=None,
            title="Or text",
            min_length=1,
            max_length=200_000,
            description="The CSV, pasted.",
            examples=["name,amount\nAda,12.5\nGrace,7\n"],
        )
        delimiter: Literal["detect", "comma", "semicolon", "tab", "pipe"] = "detect"
        header: Literal["detect", "yes", "no"] = Field(
            default="detect", description="Whether the first row names the columns."
        )

        @model_validator(mode="after")
        def _one_source(self) -> Self:
            if (self.file is None) == (self.text is None):
                message = gettext("Send a file, or paste the text: one of them.")
                raise PydanticCustomError("one_source", message)
            return self

        @property
        def size(self) -> int:
            return self.file.size if self.file else len((self.text or "").encode())

        def decoded(self) -> tuple[str, str]:
            return decode(self.file.read() if self.file else (self.text or "").encode())

    class Output(BaseModel):
        valid: bool
        rows: int = Field(description="Without the header.")
        encoding: str
        delimiter: str
        has_header: bool
        problem_counts: list[ProblemCount]
        problems: list[Problem] = Field(description="The first ten of each kind.")
        columns: list[ColumnReport]

    def estimate_units(self, data: Input) -> dict[str, int]:
        """Each megabyte begun."""
        return {"megabytes": -(-data.size // MB)}

    def execute(self, data: Input, context: Context) -> Output:
        try:
            text, encoding = data.decoded()
            delimiter = detect_delimiter(text) if data.delimiter == "detect" else data.delimiter
            found = report_on(records(text, delimiter), has_header=HEADER[data.header], check=context.check)
        except NotCsv as error:
            raise InvalidInput.on("file" if data.file else "text", str(error)) from None
        return self._output(found, encoding, delimiter)

    def _output(self, found: Report, encoding: str, delimiter: str) -> Output:
        return self.Output(
            valid=not found.counts,
            rows=found.rows,
            encoding=encoding,
            delimiter=delimiter,
            has_header=found.has_header,
            problem_counts=[ProblemCount(kind=kind, times=times) for kind, times in found.counts.items()],
            problems=[Problem.model_validate(finding, from_attributes=True) for finding in found.findings],
            columns=[_column_report(column) for column in found.columns],
        )


def _column_report(column: Column) -> ColumnReport:
    fit = column.fit
    return ColumnReport(
        name=column.name,
        type=column.type,
        missing=column.missing,
        distinct=len(column.seen),
        minimum=fit.least[1] if fit and fit.least else None,
        maximum=fit.greatest[1] if fit and fit.greatest else None,
        longest=column.longest,
    )
