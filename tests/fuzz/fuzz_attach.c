/* SPDX-License-Identifier: MIT */
/* A real process with spoiled memory, from attaching to the last line of output. */
#include "exercise.h"
#include "harness.h"
#include "image.h"
#include "images.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	if (length < 2)
		return 0;
	struct image *image = images_get(input[0]);
	image_spoil(image, input + 2, length - 2);
	struct heapspy *heapspy = exercise_attach(image_target(image), input[1] & 128);
	if (heapspy)
		exercise_heap(heapspy, input[1]);
	heapspy_detach(heapspy);
	image_restore(image);
	return 0;
}
