"""People in the admin, behind the same throttled sign-in as everywhere."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest

from accounts.models import User

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    list_display = ["__str__", "is_guest", "is_staff", "created_at", "last_seen_on"]
    list_filter = ["is_guest", "is_staff", "is_active"]
    search_fields = ["email"]
    ordering = ["-created_at"]
    fields = ["email", "is_guest", "is_active", "is_staff", "is_superuser", "created_at", "last_seen_on", "last_login"]
    readonly_fields = ["email", "is_guest", "created_at", "last_seen_on", "last_login"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
