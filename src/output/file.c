/* SPDX-License-Identifier: MIT */
#include "output/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/deaf.h"
#include "base/error.h"

enum { BUFFER_SIZE = 1 << 16 };

void output_guard_descriptors(void)
{
	static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) < 0)
			return;
}

static const char *name_of(const struct output *output)
{
	return output->path ?: "standard output";
}

static struct heapspy_error *output_failed(const struct output *output, int errnum)
{
	return error_errno(HEAPSPY_OUTPUT, errnum, "cannot write to %s", name_of(output));
}

static struct heapspy_error *open_stdout(struct output *output)
{
	int mode = fcntl(STDOUT_FILENO, F_GETFL);
	if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY) {
		return error_why(output_failed(output, EBADF),
				 "it is closed, or not open for writing");
	}
	output->stream = stdout;
	return NULL;
}

/* ---- files ------------------------------------------------------------- */

/* A name that nobody uses and `ls` does not show; NULL with errno. */
static char *hidden_name(void)
{
	uint64_t random;
	char *name;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return NULL;
	return asprintf(&name, ".heapspy-%016" PRIx64, random) < 0 ? NULL : name;
}

/* With O_EXCL: nothing that is there already is followed or shared. */
static int create_hidden(struct output *output)
{
	CLEANUP(freep) char *name = hidden_name();
	if (!name)
		return -1;
	int fd = openat(output->directory, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd >= 0)
		output->temporary = take_pointer(name);
	return fd;
}

static int create_unnamed(struct output *output)
{
	int fd = openat(output->directory, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
	/* A file system without O_TMPFILE, or a kernel that takes it for O_DIRECTORY. */
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		return create_hidden(output);
	return fd;
}

/* With force a new file takes the place of the one that is there, which is never opened: it
 * may be somebody else's, who would read on or has other links to it. */
static int create_named(struct output *output)
{
	if (!output->force)
		return openat(output->directory, output->name,
			      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	CLEANUP(closep) int fd = create_hidden(output);
	if (fd < 0)
		return -1;
	int errnum = renameat(output->directory, output->temporary, output->directory,
			      output->name) < 0 ? errno : 0;
	if (errnum)
		unlinkat(output->directory, output->temporary, 0);
	free(output->temporary);
	output->temporary = NULL;
	errno = errnum;
	return errnum ? -1 : take_fd(&fd);
}

static struct heapspy_error *split_path(struct output *output)
{
	const char *slash = strrchr(output->path, '/');
	output->name = slash ? slash + 1 : output->path;
	size_t length = slash ? (size_t)(slash - output->path) : 0;
	CLEANUP(freep) char *parent = length ? strndup(output->path, length)
					     : strdup(slash ? "/" : ".");
	if (!parent)
		return error_no_memory();
	output->directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return output->directory < 0 ? output_failed(output, errno) : NULL;
}

static struct heapspy_error *refuse(const struct output *output, const char *why)
{
	return error_why(output_failed(output, 0), "%s", why);
}

static struct heapspy_error *refuse_existing(const struct output *output)
{
	struct heapspy_error *error = refuse(output, "it exists");
	error->errnum = EEXIST;
	return error;
}

/* What stands there already? *ret_fd is >= 0 where that is to be written itself. */
static struct heapspy_error *look_at_existing(struct output *output, mode_t *ret_mode, int *ret_fd)
{
	struct stat entry, meant;
	if (lstat(output->path, &entry) < 0)
		return errno == ENOENT ? NULL : output_failed(output, errno);
	if (stat(output->path, &meant) == 0 &&
	    (S_ISCHR(meant.st_mode) || S_ISFIFO(meant.st_mode))) {
		*ret_fd = open(output->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
		return *ret_fd < 0 ? output_failed(output, errno) : NULL;
	}
	if (S_ISLNK(entry.st_mode))
		return refuse(output, "it is a symbolic link, which is never followed");
	if (S_ISDIR(entry.st_mode))
		return output_failed(output, EISDIR);
	if (!S_ISREG(entry.st_mode))
		return refuse(output, "it is neither a file nor a terminal, device or FIFO");
	if (!output->force)
		return refuse_existing(output);
	*ret_mode = entry.st_mode & 0777;
	return NULL;
}

/* ---- the keeper of the name ---------------------------------------------- */

/* Give the file its name: without force in one step that fails where the name is
 * taken, with force by renaming over what is there. */
static int publish(struct output *output)
{
	int directory = output->directory;
	char unnamed[40];
	snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", fileno(output->stream));

	if (!output->temporary && !output->force)
		return linkat(AT_FDCWD, unnamed, directory, output->name, AT_SYMLINK_FOLLOW);
	if (!output->temporary) {
		/* There is no linkat() that replaces: a hidden name for a moment. */
		CLEANUP(freep) char *name = hidden_name();
		if (!name || linkat(AT_FDCWD, unnamed, directory, name, AT_SYMLINK_FOLLOW) < 0)
			return -1;
		output->temporary = take_pointer(name);
	}
	unsigned flags = output->force ? 0 : RENAME_NOREPLACE;
	int renamed = renameat2(directory, output->temporary, directory, output->name, flags);
	if (renamed < 0 && errno == EINVAL && !output->force)
		return linkat(directory, output->temporary, directory, output->name, 0);
	if (renamed == 0) {
		free(output->temporary);
		output->temporary = NULL;
	}
	return renamed;
}

enum { PUBLISH = 'p', END = 'e' };

/* Until it is told to end, or whoever could tell is gone: then a hidden file goes too.
 * No signal ends it before. */
static _Noreturn void keep_name(struct output *output)
{
	char request;
	while (read(output->socket, &request, 1) == 1 && request == PUBLISH) {
		int errnum = publish(output) < 0 ? errno : 0;
		if (write(output->socket, &errnum, sizeof(errnum)) != sizeof(errnum))
			break;
	}
	if (output->temporary)
		unlinkat(output->directory, output->temporary, 0);
	_exit(0);
}

/* In the sandbox of a program that creates files later none can be started: it gives
 * them their names itself. */
static int start_keeper(struct output *output)
{
	int sockets[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return errno == EPERM ? 0 : errno;
	pid_t keeper = deaf_fork();
	if (keeper == 0) {
		close(sockets[0]);
		output->socket = sockets[1];
		keep_name(output);
	}
	int errnum = errno;
	close(sockets[1]);
	if (keeper < 0) {
		close(sockets[0]);
		return errnum;
	}
	output->keeper = keeper;
	output->socket = sockets[0];
	return 0;
}

/* 0 or an errno. */
static int ask_keeper(const struct output *output)
{
	static const char request = PUBLISH;
	int errnum;
	if (send(output->socket, &request, 1, MSG_NOSIGNAL) != 1)
		return errno;
	ssize_t got;
	do
		got = recv(output->socket, &errnum, sizeof(errnum), 0);
	while (got < 0 && errno == EINTR);
	return got == sizeof(errnum) ? errnum : EPIPE;
}

static void end_keeper(const struct output *output)
{
	static const char request = END;
	(void)!send(output->socket, &request, 1, MSG_NOSIGNAL);
	close(output->socket);
	while (waitpid(output->keeper, NULL, 0) < 0 && errno == EINTR)
		;
}

static int give_name(struct output *output)
{
	if (output->keeper)
		return ask_keeper(output);
	return publish(output) < 0 ? errno : 0;
}

/* ---- opening ----------------------------------------------------------------- */

static struct heapspy_error *open_file(struct output *output)
{
	CLEANUP(closep) int fd = -1;
	mode_t mode = 0;
	struct heapspy_error *error = look_at_existing(output, &mode, &fd);
	if (error)
		return error;
	if (fd < 0) {
		error = split_path(output);
		if (error)
			return error;
		if (!*output->name)
			return output_failed(output, EISDIR);
		fd = output->grows ? create_named(output) : create_unnamed(output);
		if (fd < 0 && errno == EEXIST)
			return refuse_existing(output);
		/* What replaces a private file is as private. */
		if (fd < 0 || (mode && fchmod(fd, mode) < 0))
			return output_failed(output, errno);
		output->is_published = !output->grows;
	}
	output->stream = fdopen(fd, "w");
	if (!output->stream)
		return output_failed(output, errno);
	fd = -1;
	int errnum = output->is_published ? start_keeper(output) : 0;
	return errnum ? output_failed(output, errnum) : NULL;
}

static struct heapspy_error *open_as(const char *path, bool force, bool grows,
				     struct output *ret_output)
{
	struct output output = {.path = path, .directory = -1, .force = force, .grows = grows};
	if (path && strcmp(path, "-") == 0)
		output.path = NULL;
	struct heapspy_error *error = output.path ? open_file(&output) : open_stdout(&output);
	if (error) {
		output_fini(&output);
		return error;
	}
	/* A terminal gets whole screens as well: a style is never left half written. */
	setvbuf(output.stream, NULL, _IOFBF, BUFFER_SIZE);
	*ret_output = output;
	return NULL;
}

struct heapspy_error *output_open(const char *path, bool force, struct output *ret_output)
{
	return open_as(path, force, false, ret_output);
}

struct heapspy_error *output_open_growing(const char *path, bool force,
					  struct output *ret_output)
{
	return open_as(path, force, true, ret_output);
}

struct heapspy_error *output_make_private(struct output *output)
{
	struct stat status;
	int fd = fileno(output->stream);
	if (!output->path || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    fchmod(fd, S_IRUSR | S_IWUSR) == 0)
		return NULL;
	return output_failed(output, errno);
}

struct heapspy_error *output_flush(struct output *output)
{
	errno = 0;
	if (fflush(output->stream) == 0 && !ferror(output->stream))
		return NULL;
	return output_failed(output, errno ?: EIO);
}

struct heapspy_error *output_finish(struct output *output)
{
	struct heapspy_error *error = output_flush(output);
	if (error)
		return error;
	if (output->is_published) {
		if (fsync(fileno(output->stream)) < 0)
			return output_failed(output, errno);
		int errnum = give_name(output);
		if (errnum)
			return errnum == EEXIST && !output->force ? refuse_existing(output)
								  : output_failed(output, errnum);
	}
	FILE *stream = output->stream;
	output->stream = NULL;
	return fclose(stream) < 0 ? output_failed(output, errno) : NULL;
}

void output_fini(struct output *output)
{
	if (output->stream && output->stream != stdout)
		fclose(output->stream);
	if (output->keeper)
		end_keeper(output);
	else if (output->temporary)
		unlinkat(output->directory, output->temporary, 0);
	free(output->temporary);
	if (output->directory >= 0)
		close(output->directory);
	*output = (struct output){.directory = -1};
}
