/* SPDX-License-Identifier: MIT */
#include "output/rendering.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* To the microsecond: what is measured is no better than that. */
static void print_seconds(char text[FORMAT_SIZE], double seconds)
{
	/* Beyond any time there is, and too long to print. */
	bool absurd = seconds > 1e15 || seconds < -1e15;
	int length = snprintf(text, FORMAT_SIZE, absurd ? "%.0e" : "%.6f", seconds);
	if (absurd)
		return;
	while (length > 2 && text[length - 1] == '0' && text[length - 2] != '.')
		text[--length] = 0;
}

/* The shortest decimal that reads back as the same number. */
static void print_real(char text[FORMAT_SIZE], double real)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, FORMAT_SIZE, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	if (!strpbrk(text, ".e"))
		strcat(text, ".0");
}

const char *value_plain(const struct value *value, char space[FORMAT_SIZE])
{
	switch (value->kind) {
	case VALUE_COUNT:
	case VALUE_BYTES:
		/* More than that nothing can have, whatever a damaged heap says, and many that read
		 * JSON cannot read it. */
		snprintf(space, FORMAT_SIZE, "%" PRIu64,
			 value->natural < INT64_MAX ? value->natural : INT64_MAX);
		return space;
	case VALUE_SIGNED:
	case VALUE_ID:
	case VALUE_CHANGE:
	case VALUE_BYTES_CHANGE:
		snprintf(space, FORMAT_SIZE, "%" PRId64, value->integer);
		return space;
	case VALUE_ADDRESS:
		snprintf(space, FORMAT_SIZE, "0x%" PRIx64, value->natural);
		return space;
	case VALUE_SECONDS:
		print_seconds(space, value->real);
		return space;
	case VALUE_RATIO:
		print_real(space, value->real);
		return space;
	case VALUE_TIME:
		format_timestamp(space, value->real);
		return space;
	case VALUE_TEXT:
		return value->text;
	case VALUE_FLAG:
	case VALUE_CHECK:
		return value->flag.set ? "true" : "false";
	case VALUE_COMMAND:
	case VALUE_REMARKS:
	case VALUE_PLOT:
		break;
	}
	return "";
}
