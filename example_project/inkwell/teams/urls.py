from django.urls import path

from inkwell.teams import views

app_name = "teams"

urlpatterns = [
    path("", views.team, name="team"),
    path("found/", views.found_team, name="found"),
    path("switch/", views.switch, name="switch"),
    path("invite/", views.invite, name="invite"),
    path("invitations/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("join/<slug:token>/", views.accept, name="accept"),
    path("members/<int:pk>/remove/", views.remove, name="remove"),
    path("members/<int:pk>/promote/", views.promote, name="promote"),
    path("members/<int:pk>/limit/", views.limit, name="limit"),
]
