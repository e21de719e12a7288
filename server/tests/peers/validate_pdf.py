"""Judges a PDF by PDF/A-2a and PDF/UA-1 with page-validation 0.11 (PyPI).

    validate_pdf.py PDF

Prints JSON: {"pages": number, "2a": failures, "ua1": failures}.
"""

import json
import sys

import page

verdict = {}
for profile in ("2a", "ua1"):
    result = page.validate_pdf(sys.argv[1], profile=profile)
    failures = [f"{failure.rule_id}: {failure.message}" for failure in result.failures]
    if not result.is_compliant and not failures:
        failures = ["not compliant"]
    verdict["pages"] = result.document.page_count
    verdict[profile] = failures
print(json.dumps(verdict))
