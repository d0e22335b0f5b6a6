"""A form of an account, sent by htmx, is answered in its place; where the answer leads on, the browser goes there.

A redirect would be followed by htmx itself, and leave the navigation as it was before the login.
"""

from django.http import HttpResponse


def lead_the_browser(get_response):
    def middleware(request):
        response = get_response(request)
        if request.headers.get("HX-Request") != "true" or "Location" not in response.headers:
            return response
        led = HttpResponse(headers={"HX-Redirect": response.headers["Location"]})
        led.cookies = response.cookies
        return led

    return middleware
