# The planner's own tests, apart from Python: `make -C native -f plan.mk test`, see README.md.
WARN   := -Wall -Wextra -Wpedantic -Wconversion -Wstrict-prototypes -Werror
FLAGS  := -std=c11 -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
OUT    := build
SEED   ?= 20260101
PROBLEMS ?= 400
CLANG  ?= clang-14
CORPUS := $(wildcard corpus/plan/*)
HEADS  := $(wildcard plan*.h)
# -fwrapv is among Python's own flags and would hide overflows from the sanitizer: not here.
SAN    := -g -O1 -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all

FUZZ_SECONDS ?= 600

.PHONY: test test-gcc test-plain test-clang test-sanitize test-arm64 test-armhf fuzz corpus

test: test-gcc test-plain test-clang test-sanitize test-arm64 test-armhf

CC-gcc      := gcc $(FLAGS)
CC-plain    := gcc $(FLAGS) -DPL_PLAIN
CC-clang    := $(CLANG) $(FLAGS)
CC-sanitize := $(CLANG) $(FLAGS) $(SAN)
CC-arm64    := aarch64-linux-gnu-gcc $(FLAGS) -static
CC-armhf    := arm-linux-gnueabihf-gcc $(FLAGS) -static
RUN-arm64   := qemu-aarch64-static
RUN-armhf   := qemu-arm-static

$(OUT)/test_plan-%: test_plan.c plan.c $(HEADS)
	@mkdir -p $(OUT)
	$(CC-$*) $(WARN) $(filter %.c,$^) -o $@ -lm

# Each prints a digest of its amperes; all digests must be the same.
test-gcc test-plain test-clang test-sanitize test-arm64 test-armhf: test-%: $(OUT)/test_plan-%
	$(RUN-$*) $< --seed $(SEED) --problems $(PROBLEMS) $(CORPUS)

$(OUT)/fuzz_plan: fuzz_plan.c plan.c $(HEADS)
	@mkdir -p $(OUT)
	$(CLANG) -std=c11 $(WARN) $(SAN) -fsanitize=fuzzer $(filter %.c,$^) -o $@ -lm

# New inputs go to build/; `make -f plan.mk corpus` keeps the few that add coverage.
fuzz: $(OUT)/fuzz_plan
	mkdir -p $(OUT)/found-plan corpus/plan
	nice $< -max_total_time=$(FUZZ_SECONDS) -max_len=1024 -timeout=20 -rss_limit_mb=1024 \
	    -artifact_prefix=$(OUT)/ $(OUT)/found-plan corpus/plan

corpus: $(OUT)/fuzz_plan
	rm -rf $(OUT)/corpus-plan && mkdir -p $(OUT)/corpus-plan corpus/plan
	$< -set_cover_merge=1 -use_counters=0 -max_len=512 $(OUT)/corpus-plan corpus/plan $(OUT)/found-plan
	rm -rf corpus/plan && mv $(OUT)/corpus-plan corpus/plan
