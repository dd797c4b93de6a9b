"""The settings as a process of its own reads them, since Django reads them once."""

import json
import subprocess
import sys

import pytest

from tests import house

PRODUCTION = {
    "PRODUCTION": "true",
    "SECRET_KEY": "0123456789abcdef" * 2,
    "ALLOWED_HOSTS": "a.example",
    "EMAIL_URL": "smtp://mail.example",
}


def setting(name, data_dir, **variables):
    script = f"import json; from config import settings; print(json.dumps(settings.{name}, default=str))"
    environ = house.environment(data_dir, **variables)
    done = subprocess.run([sys.executable, "-c", script], cwd=house.ROOT, env=environ, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("proxies", "header"), [("0", None), ("1", ["HTTP_X_FORWARDED_PROTO", "https"])], ids=["no proxy", "one proxy"]
)
def test_a_claim_that_the_browser_spoke_https_counts_only_from_a_proxy_of_ours(proxies, header, tmp_path):
    assert setting("SECURE_PROXY_SSL_HEADER", tmp_path, TRUSTED_PROXIES=proxies, **PRODUCTION) == header


def test_templates_show_no_debugging_outside_of_tests(tmp_path):
    assert "debug" not in setting("TEMPLATES", tmp_path)[0]["OPTIONS"]


def test_the_database_lies_in_a_data_folder_of_any_name(tmp_path):
    folder = tmp_path / "a#b?c%41 d"

    name = setting("DATABASES", folder)["default"]["NAME"]

    assert name == str(folder / "halfopen.sqlite3")
