/* SPDX-License-Identifier: MIT */
/* As fuzz_attach.c, with memory that is spoiled after attaching. */
#include "exercise.h"
#include "harness.h"
#include "image.h"
#include "images.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	static struct heapspy *attached[2 * IMAGES];
	if (length < 2)
		return 0;
	struct image *image = images_get(input[0]);
	bool live = input[1] & 128;
	struct heapspy **heapspy = &attached[2 * (input[0] % IMAGES) + live];
	if (!*heapspy)
		*heapspy = exercise_attach(image_target(image), live);
	REQUIRE(*heapspy != NULL);
	image_spoil(image, input + 2, length - 2);
	exercise_heap(*heapspy, input[1]);
	image_restore(image);
	return 0;
}
