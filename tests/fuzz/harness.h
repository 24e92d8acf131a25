/* SPDX-License-Identifier: MIT */
/* What a harness is: libFuzzer calls it, and replay.c in its place. */
#ifndef TESTS_FUZZ_HARNESS_H
#define TESTS_FUZZ_HARNESS_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

#endif
