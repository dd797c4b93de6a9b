"""People in the admin, behind the same throttled sign-in as everywhere."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest

from accounts.models import User

# Whoever could set these could give themselves everything, so only those who have everything may.
POWERS = ["is_staff", "is_superuser", "groups", "user_permissions"]

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    list_display = ["__str__", "is_guest", "is_staff", "created_at", "last_seen_on"]
    list_filter = ["is_guest", "is_staff", "is_active"]
    search_fields = ["email"]
    ordering = ["-created_at"]
    fields = ["email", "is_guest", "is_active", *POWERS, "created_at", "last_seen_on", "last_login"]
    readonly_fields = ["email", "is_guest", "created_at", "last_seen_on", "last_login"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return [*self.readonly_fields, *([] if request.user.is_superuser else POWERS)]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
