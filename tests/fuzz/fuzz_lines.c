/* SPDX-License-Identifier: MIT */
/* Line tables of code objects, in each of their formats. */
#include <string.h>

#include "exercise.h"
#include "harness.h"
#include "python/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct {
		uint8_t format;
		int32_t first_line;
		int64_t position;
	} __attribute__((packed)) head;
	if (length < sizeof(head))
		return 0;
	memcpy(&head, input, sizeof(head));
	input += sizeof(head);
	length -= sizeof(head);
	enum line_format format = (enum line_format)(head.format % 3);
	int32_t line = 0, again = 0;
	bool found = lines_find(format, input, length, head.first_line, head.position, &line);
	REQUIRE(lines_find(format, input, length, head.first_line, head.position, &again) == found);
	REQUIRE(line == again);
	for (int64_t position = -2; position < 64; position++)
		lines_find(format, input, length, head.first_line, position, &line);
	return 0;
}
