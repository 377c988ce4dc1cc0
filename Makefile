# depot-edge.  `make run` and `make test` do it all on a fresh Debian 12 or Raspberry Pi OS.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run broker test test-packages soak bench bench-peers lint native native-test fuzz fuzz-api fuzz-board fuzz-events interop \
  mutants prove venv test-venv lint-board deb clean

# The virtual environment follows pyproject.toml; the C core follows its sources.
$(VENV)/.ready: pyproject.toml setup.py native/build.py $(wildcard native/*.[ch])
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'setuptools>=77' 'cffi>=1.15'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --editable .
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

$(VENV)/.test-ready: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[test]'
	touch $@

# What the product needs, and what its tests need beside it.
venv: $(VENV)/.ready
test-venv: $(VENV)/.test-ready

# Rebuild only the C core.
native: venv
	$(BIN)/python setup.py --quiet build_ext --inplace

run: venv broker
	$(BIN)/depot demo

# The demonstration speaks MQTT: Mosquitto where it is or can be installed, else a broker from PyPI.
broker:
	@command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto || deploy/need demo mosquitto=mosquitto \
	  || $(BIN)/pip install --quiet '.[demo]'

test: test-venv test-packages lint
	$(BIN)/pytest

# Ten demonstrations with ten seeds; each must end without a violation on the simulated wires.  Then a broker
# that is killed twenty times during events of two daemons.
soak: test-venv broker
	@for seed in 1 2 3 4 5 6 7 8 9 10; do \
	  $(BIN)/depot demo --seconds 90 --json --seed $$seed | tee /dev/stderr | grep -q '"violations": \[\]' \
	    || { echo "violations: again with depot demo --seconds 90 --json --seed $$seed" >&2; exit 1; }; \
	done
	DEPOT_KILLS=20 $(BIN)/pytest -s tests/shell/test_broker_killed.py

bench: test-venv
	$(BIN)/depot bench balance
	$(BIN)/depot bench plan
	$(BIN)/depot bench bus
	$(BIN)/depot bench events --quick
	$(BIN)/depot bench disk --quick
	$(BIN)/depot bench network --quick
	$(BIN)/depot bench outage --quick
	$(BIN)/depot bench commission --quick

# acnportal, the peer of `depot bench day`: apart from the site-packages, for it brings a package `tests` of its own.
bench-peers: test-venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target build/peers acnportal==0.3.3
	rm -rf build/peers/tests
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[peers]'

# Programs that the tests use as independent witnesses, and the compilers that the C core is built with.
test-packages:
	@deploy/need 'make test' gcc=gcc openssl=openssl mosquitto=mosquitto mosquitto-clients=mosquitto_pub mbpoll=mbpoll \
	  chromium=chromium postgresql=/usr/lib/postgresql/*/bin/initdb clang-14=clang-14 libclang-rt-14-dev=/usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.asan-* \
	  nodejs=node npm=npm libmodbus-dev=/usr/share/doc/libmodbus-dev/examples/unit-test-client.c \
	  gcovr=gcovr systemd=systemd-analyze qemu-user-static=qemu-arm-static gcc-aarch64-linux-gnu=aarch64-linux-gnu-gcc \
	  gcc-arm-linux-gnueabihf=arm-linux-gnueabihf-gcc libc6-dev-arm64-cross=/usr/aarch64-linux-gnu/include/stdio.h \
	  libc6-dev-armhf-cross=/usr/arm-linux-gnueabihf/include/stdio.h

# The C core alone: compilers, sanitizers, both ARMs, coverage; then the long ones (native/README.md).
native-test:
	$(MAKE) -C native test coverage
	$(MAKE) -C native -f plan.mk test
fuzz mutants prove:
	$(MAKE) -C native $@
	test $@ != fuzz || $(MAKE) -C native -f plan.mk fuzz
	test $@ != fuzz || $(MAKE) fuzz-events
	test $@ != fuzz || $(MAKE) fuzz-api
	test $@ != mutants || $(BIN)/python tests/mutate_core.py

# The board: a million mutated frames, what its loops take, heartbeats lost in every way, and a week's memory under
# MicroPython (board/README.md).
fuzz-board: test-venv
	$(BIN)/python tests/board/long.py frames 1000000
	$(BIN)/python tests/board/long.py loop
	BOARD_ALL_TIMEOUTS=1 $(BIN)/pytest -s tests/sim/test_board_depot.py -k within
	$(BIN)/python tests/board/long.py week 7

# 100 000 mutated OpenADR events: refused by name, or obeyed and explained by openadr3.yaml.
fuzz-events: test-venv
	$(BIN)/python -m tests.fuzz_openadr

# The HTTP API, asked by schemathesis whatever its description allows and what it does not: a hundred of each.
fuzz-api: test-venv
	API_EXAMPLES=100 $(BIN)/pytest tests/browser/test_openapi.py

# Other people's OpenADR programs, of which one wants Python 3.12.
INTEROP_PYTHON ?= python3.12
interop:
	test -x .venv-interop/bin/python || $(INTEROP_PYTHON) -m venv .venv-interop
	.venv-interop/bin/pip install --quiet --disable-pip-version-check 'setuptools>=77' 'cffi>=1.15'
	.venv-interop/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[test]'
	.venv-interop/bin/python setup.py --quiet build_ext --inplace
	.venv-interop/bin/pytest tests/interop

# Debian packages for all three architectures into dist/, from what is committed (docs/install.md).
deb: test-venv
	@deploy/need 'make deb' debhelper=dh dpkg-dev=dpkg-buildpackage fakeroot=fakeroot \
	  gcc-x86-64-linux-gnu=x86_64-linux-gnu-gcc gcc-aarch64-linux-gnu=aarch64-linux-gnu-gcc \
	  gcc-arm-linux-gnueabihf=arm-linux-gnueabihf-gcc libc6-dev-arm64-cross=/usr/aarch64-linux-gnu/include/stdio.h \
	  libc6-dev-armhf-cross=/usr/arm-linux-gnueabihf/include/stdio.h lintian=lintian
	deploy/make-deb amd64 arm64 armhf
	lintian --fail-on error,warning dist/*.deb

lint: test-venv lint-board
	$(BIN)/ruff check edge drivers native board deploy tests setup.py
	$(BIN)/ruff format --check edge drivers native board deploy tests setup.py
	$(BIN)/mypy
	$(MAKE) --silent -C native lint

# The firmware against the stubs of MicroPython on the RP2040 (in typings: they replace typeshed, so not in the venv).
# These versions: other ones find other things wrong.
STUBS := micropython-rp2-rpi_pico-stubs==1.29.0.post1 micropython-stdlib-stubs==1.29.0.post2
lint-board: test-venv typings/.ready
	$(BIN)/mypy --config-file board/mypy.ini

typings/.ready: Makefile | $(VENV)/.test-ready
	$(BIN)/pip install --quiet --disable-pip-version-check --target typings --upgrade --no-deps $(STUBS)
	touch $@

clean:
	rm -rf $(VENV) .venv-interop build typings *.egg-info edge/core/_native*.so
