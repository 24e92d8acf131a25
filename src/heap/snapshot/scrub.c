/* SPDX-License-Identifier: MIT */
#include "heap/snapshot/scrub.h"

#include <stdbool.h>
#include <string.h>

static bool is_printable(uint8_t byte)
{
	return (byte >= 0x20 && byte < 0x7f) || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_character(const uint8_t *bytes, unsigned width)
{
	static const uint8_t zeros[3];
	return is_printable(bytes[0]) && memcmp(bytes + 1, zeros, width - 1) == 0;
}

void scrub_characters(uint8_t *bytes, size_t count, unsigned width)
{
	memset(bytes, 0, count * width);
	for (size_t i = 0; i < count; i++)
		bytes[i * width] = 'x';
}

struct scrub {
	uint8_t *bytes;
	size_t length;
	scrub_is_address *is_address;
	void *context;
};

/* How many characters at the end of a run may be a part of what follows. */
static size_t part_of_next(const struct scrub *scrub, size_t end, unsigned width)
{
	size_t part = end % 8, start = end - part;
	uint64_t word;
	if (part == 0 || scrub->length - start < sizeof(word))
		return 0;
	memcpy(&word, scrub->bytes + start, sizeof(word));
	bool is_number = word >> 32 == 0;
	return is_number || scrub->is_address(scrub->context, word) ? part / width : 0;
}

static void scrub_width(const struct scrub *scrub, unsigned width)
{
	size_t run = 0, count = scrub->length / width;
	for (size_t i = 0; i <= count; i++) {
		if (i < count && is_character(scrub->bytes + i * width, width)) {
			run++;
			continue;
		}
		size_t part = run >= SCRUB_LEAST ? part_of_next(scrub, i * width, width) : 0;
		if (run >= SCRUB_LEAST + part)
			scrub_characters(scrub->bytes + (i - run) * width, run - part, width);
		run = 0;
	}
}

void scrub_text(uint8_t *bytes, size_t length, scrub_is_address *is_address, void *context)
{
	struct scrub scrub = {bytes, length, is_address, context};
	for (unsigned width = 1; width <= 4; width *= 2)
		scrub_width(&scrub, width);
}
