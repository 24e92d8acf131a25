/* SPDX-License-Identifier: MIT */
#include "base/timestamp.h"

#include <string.h>
#include <time.h>

bool timestamp_parse(const char *text, double *ret_time)
{
	struct tm parts = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	double fraction = 0, unit = 0.1;
	if (rest && *rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			fraction += unit * (*rest - '0');
	if (!rest || strcmp(rest, "Z") != 0)
		return false;
	*ret_time = (double)timegm(&parts) + fraction;
	return true;
}
