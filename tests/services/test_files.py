from typing import Annotated

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from pydantic import BaseModel, ValidationError

from quickscale_services.files import DEFAULT_MAX_SIZE, Accept, Upload

pytestmark = pytest.mark.once


class Input(BaseModel):
    picture: Annotated[Upload, Accept("image/png", ".gif", max_size=5)]
    any: Upload | None = None


def refusal(**given):
    with pytest.raises(ValidationError) as caught:
        Input.model_validate(given)
    return [error["type"] for error in caught.value.errors()]


@pytest.mark.parametrize(
    "file",
    [
        Upload.of(b"abc", "a.png"),
        ContentFile(b"abc", "a.PNG"),
        SimpleUploadedFile("a", b"abc", "image/png; charset=binary"),
        SimpleUploadedFile("a.GIF", b"abc", "application/octet-stream"),
    ],
)
def test_an_upload_has_name_type_size_and_content_to_read_twice(file):
    picture = Input(picture=file).picture
    assert (picture.name.lower()[0], picture.size) == ("a", 3)
    assert picture.read() == picture.read() == b"abc"
    assert "/" in picture.content_type


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (Upload.of(b"abcdef", "a.png"), "upload_size"),
        (Upload.of(b"", "a.png"), "upload_empty"),
        (Upload.of(b"abc", "a.exe"), "upload_kind"),
        (Upload.of(b"abc", "a.png", "text/html"), "upload_kind"),
        ("a.png", "upload_type"),
        (b"abc", "upload_type"),
        (None, "upload_type"),
    ],
)
def test_a_file_that_is_not_accepted_is_refused(file, kind):
    assert refusal(picture=file) == [kind]


def test_without_accept_any_type_of_ten_megabytes_is_taken():
    png = Upload.of(b"abc", "a.png")
    assert Input(picture=png, any=Upload.of(b"x" * DEFAULT_MAX_SIZE, "a.bin")).any
    assert refusal(picture=png, any=Upload.of(b"x" * (DEFAULT_MAX_SIZE + 1), "a.bin")) == ["upload_size"]


@pytest.mark.parametrize("name", ["../../etc/a.png", "C:\\pictures\\a.png", "/a.png"])
def test_a_name_has_no_folders(name):
    assert Upload(SimpleUploadedFile("x", b"abc")).name == "x"
    assert Upload.of(b"abc", name).name == "a.png"


def test_what_is_kept_of_an_upload_is_not_its_content():
    kept = Input(picture=Upload.of(b"abc", "a.png")).model_dump(mode="json")["picture"]
    assert set(kept) == {"name", "content_type", "size", "sha256"}


def test_the_schema_says_what_is_accepted():
    schema = Input.model_json_schema()["properties"]["picture"]
    assert (schema["format"], schema["x-accept"], schema["x-max-size"]) == ("binary", ["image/png", ".gif"], 5)


def test_accept_stands_with_upload_only():
    with pytest.raises(TypeError, match="Upload"):
        type("Wrong", (BaseModel,), {"__annotations__": {"text": Annotated[str, Accept("text/csv")]}})
