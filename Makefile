# Holdfast. `make help` lists what there is.

GO := $(or $(shell command -v go),$(wildcard /usr/local/go/bin/go),go)
# Users' PATH often lacks the folders of nft and sshd, and sometimes Go's.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin$(if $(findstring /,$(GO)),:$(dir $(GO)))
ifeq ($(HOME),)
export HOME := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
endif
export GO

# How often make lab makes each break.
RUNS ?= 1
# Whose program make bench and make lab measure: linux, windows (under wine), or both beside each other.
SYSTEM ?= both

LDFLAGS := -s -w -X main.version=$(shell scripts/version)

PREFIX ?= /usr/local

.PHONY: help run test test-windows build install uninstall deb deb-test windows windows-test windows-reproducible bench lab check screenshots clean need-run need-test need-windows

help:
	@echo 'make run          build Holdfast and start it'
	@echo 'make test         run all tests'
	@echo 'make test-windows run the tests of what is for Windows, under wine'
	@echo 'make build        build bin/holdfast and bin/holdfast-window'
	@echo 'make install      put what make build made below PREFIX (/usr/local); DESTDIR is for packages'
	@echo 'make uninstall    take it away again'
	@echo 'make deb          build packages for Debian and Ubuntu into dist/'
	@echo 'make deb-test     install them into a fresh Debian, run and remove them (root; fetches that Debian)'
	@echo 'make windows      build an installer and a zip for Windows into dist/ (SIGN=..., see docs/windows-signing.md)'
	@echo 'make windows-test try what make windows built, under wine'
	@echo 'make windows-reproducible  build both twice, each without a cache, and compare'
	@echo 'make bench        measure: detection, recovery, processor time, memory, the window'
	@echo 'make lab          make every break there is on real kernels and print what was seen (RUNS=10, ONLY="case 3", SYSTEM=windows)'
	@echo 'make check        gofmt, vet, staticcheck, and the builds for other systems'
	@echo 'make screenshots  photograph every screen, the tray and a notification into docs/screens/'
	@echo 'make clean        remove what was built'
	@echo
	@echo 'run, build, test and windows first look for what is missing and install it (Debian, Ubuntu) or name it.'

run: build
	@scripts/run

build: need-run
	CGO_ENABLED=0 "$(GO)" build -trimpath -ldflags '$(LDFLAGS)' -o bin/holdfast .
	CGO_ENABLED=1 CC="$$(scripts/cc)" "$(GO)" build -trimpath -tags migrated_fynedo -ldflags '$(LDFLAGS)' -o bin/holdfast-window ./cmd/holdfast-window

test: need-test
	@scripts/test

test-windows:
	@scripts/test-windows

# Neither builds: it is run as root, who needs no Go for it.
install uninstall: export PREFIX := $(PREFIX)
install uninstall: export DESTDIR := $(DESTDIR)
install:
	@scripts/install put

uninstall:
	@scripts/install remove

deb: build
	@scripts/deb

deb-test: need-test
	HOLDFAST_CHROOT=1 "$(GO)" test -count=1 -v -run 'InAFreshDebian' -timeout 30m ./packaging

windows: export SIGN := $(SIGN)
windows: need-windows
	@scripts/windows

windows-test:
	@HOLDFAST_DIST="$(CURDIR)/dist" scripts/wine "$(GO)" test -count=1 -v -run OnWindows -timeout 20m ./packaging

windows-reproducible: need-windows
	@scripts/windows twice

bench: need-test
	"$(GO)" run ./internal/lab/bench -system $(SYSTEM)
	HOLDFAST_LONG=1 "$(GO)" test -count=1 -v -run 'DoesNotGrow|LosesNoOutage' .
	HOLDFAST_LONG=1 "$(GO)" test -count=1 -v -run 'ManyOutages|Kill9' -bench AMonthOfAHundredTargets ./internal/history

lab: need-test
	"$(GO)" run ./internal/lab/bench -costs=false -system $(SYSTEM) -runs $(RUNS) $(if $(ONLY),-only '$(ONLY)')

check: need-run
	@scripts/check

screenshots: need-test build
	scripts/screenshots

need-run:
	@scripts/need run

need-test:
	@scripts/need test

need-windows: export SIGN := $(SIGN)
need-windows:
	@scripts/need windows

clean:
	rm -rf bin dist
