/* SPDX-License-Identifier: MIT */
#include "images.h"

struct image *images_get(uint8_t number)
{
	static const char *const paths[IMAGES] = {
	    FUZZ_IMAGES "/3.8.image",
	    FUZZ_IMAGES "/3.11.image",
	    FUZZ_IMAGES "/3.13.image",
	    FUZZ_IMAGES "/3.15.image",
	};
	static struct image *images[IMAGES];
	if (!images[number % IMAGES])
		images[number % IMAGES] = image_open(paths[number % IMAGES]);
	return images[number % IMAGES];
}
