/* SPDX-License-Identifier: MIT */
/* The images in images/: one for each way to lay out a heap. */
#ifndef TESTS_FUZZ_IMAGES_H
#define TESTS_FUZZ_IMAGES_H

#include <stdint.h>

#include "image.h"

enum { IMAGES = 4 };

/* Any number will do. */
struct image *images_get(uint8_t number);

#endif
