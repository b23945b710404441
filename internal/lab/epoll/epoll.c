/*
 * The measure for "watch with 1 000 sessions": what one epoll loop in C needs for the same work. It keeps N sessions,
 * sends each a line every INTERVAL ms, reads the answer, checks its nonce, keeps the round trip's mean and deviation, and
 * has a deadline for each answer by RFC 6298 within 250 ms and 2 s. All timers stand on a grid of 10 ms; sessions are
 * spread over its slots. Sockets carry the same keepalive and user timeout. No frills: an overdue or wrong answer is
 * counted and nothing more.
 *
 *   epoll FIRST PORT N INTERVAL_MS      session i goes to address FIRST + i
 *
 * It prints "up" once all sessions are connected, and its counts when it is told to end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { GRID_NS = 10000000, SLOTS = 512, LINE = 64 };

struct session {
	int fd, next, prev; /* next, prev: the list of its slot */
	int have;           /* bytes of an answer so far */
	int waiting;
	uint64_t nonce;
	int64_t sent, beat, due; /* ns; beat and due in ticks of the grid */
	int64_t srtt, rttvar;    /* ns */
	char line[LINE];
};

static struct session *all;
static int heads[SLOTS];
static int64_t interval;
static uint64_t beats, late, wrong, ended;
static volatile sig_atomic_t stop;

static void on_term(int s) { (void)s; stop = 1; }

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void unset(int i)
{
	struct session *s = &all[i];
	if (s->due < 0)
		return;
	if (s->prev >= 0)
		all[s->prev].next = s->next;
	else
		heads[s->due % SLOTS] = s->next;
	if (s->next >= 0)
		all[s->next].prev = s->prev;
	s->due = -1;
}

static void set(int i, int64_t tick)
{
	struct session *s = &all[i];
	int *head = &heads[tick % SLOTS];
	unset(i);
	s->due = tick;
	s->prev = -1;
	s->next = *head;
	if (*head >= 0)
		all[*head].prev = i;
	*head = i;
}

static void end(int i)
{
	unset(i);
	close(all[i].fd);
	all[i].fd = -1;
	ended++;
}

static void due(int i, int64_t tick)
{
	struct session *s = &all[i];
	if (s->waiting) {
		late++;
		s->waiting = 0;
		s->beat += interval * ((tick - s->beat) / interval + 1);
		set(i, s->beat);
		return;
	}
	char out[LINE];
	int n = snprintf(out, sizeof out, "PING %016llx\n", (unsigned long long)++s->nonce);
	s->sent = now_ns();
	if (send(s->fd, out, n, MSG_NOSIGNAL) != n) {
		end(i);
		return;
	}
	s->waiting = 1;
	s->beat = tick;
	int64_t rto = s->srtt ? s->srtt + 4 * s->rttvar : 1000000000;
	if (rto < 250000000)
		rto = 250000000;
	if (rto > 2000000000)
		rto = 2000000000;
	set(i, tick + (rto + GRID_NS - 1) / GRID_NS);
}

static void answer(int i)
{
	struct session *s = &all[i];
	ssize_t n = recv(s->fd, s->line + s->have, LINE - s->have, 0);
	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		end(i);
		return;
	}
	s->have += n;
	char *nl = memchr(s->line, '\n', s->have);
	if (!nl) {
		if (s->have == LINE)
			end(i);
		return;
	}
	char want[LINE];
	int w = snprintf(want, sizeof want, "PONG %016llx\n", (unsigned long long)s->nonce);
	int ok = nl + 1 - s->line == w && memcmp(s->line, want, w) == 0;
	s->have -= nl + 1 - s->line;
	memmove(s->line, nl + 1, s->have);
	if (!ok || !s->waiting) {
		wrong++;
		return;
	}
	int64_t rtt = now_ns() - s->sent;
	if (s->srtt) {
		int64_t off = s->srtt > rtt ? s->srtt - rtt : rtt - s->srtt;
		s->rttvar += (off - s->rttvar) / 4;
		s->srtt += (rtt - s->srtt) / 8;
	} else {
		s->srtt = rtt;
		s->rttvar = rtt / 2;
	}
	s->waiting = 0;
	beats++;
	set(i, s->beat + interval);
}

static void option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof value))
		die("setsockopt");
}

int main(int argc, char **argv)
{
	struct in_addr first;
	if (argc != 5 || !inet_aton(argv[1], &first)) {
		fprintf(stderr, "usage: epoll FIRST PORT N INTERVAL_MS\n");
		return 2;
	}
	int port = atoi(argv[2]), n = atoi(argv[3]);
	interval = (int64_t)atoi(argv[4]) * 1000000 / GRID_NS;
	if (port <= 0 || n <= 0 || interval <= 0 || interval >= SLOTS) {
		fprintf(stderr, "epoll: a number is out of range\n");
		return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGTERM, on_term);
	if (!(all = calloc(n, sizeof *all)))
		die("calloc");
	for (int i = 0; i < SLOTS; i++)
		heads[i] = -1;
	int ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0)
		die("epoll_create1");
	int64_t start = now_ns() / GRID_NS + 2;
	for (int i = 0; i < n; i++) {
		struct session *s = &all[i];
		struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
		to.sin_addr.s_addr = htonl(ntohl(first.s_addr) + i);
		s->due = -1;
		if ((s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
			die("socket");
		if (connect(s->fd, (struct sockaddr *)&to, sizeof to))
			die("connect");
		option(s->fd, IPPROTO_TCP, TCP_NODELAY, 1);
		option(s->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		option(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
		option(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
		option(s->fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
		option(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 2000);
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
		if (epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &e))
			die("epoll_ctl");
	}
	for (int i = 0; i < n; i++)
		set(i, start + interval + i % interval);
	printf("up\n");
	fflush(stdout);

	int64_t done = now_ns() / GRID_NS; /* every tick up to this one was looked at */
	struct epoll_event events[256];
	while (!stop) {
		int64_t tick = now_ns() / GRID_NS;
		for (; done < tick; ) {
			done++;
			for (int i = heads[done % SLOTS], next; i >= 0; i = next) {
				next = all[i].next;
				if (all[i].due <= done)
					due(i, done);
			}
		}
		int64_t wake = done + 1;
		while (wake < done + SLOTS && heads[wake % SLOTS] < 0)
			wake++;
		int64_t left = wake * GRID_NS - now_ns();
		struct timespec wait = {.tv_sec = left > 0 ? left / 1000000000 : 0, .tv_nsec = left > 0 ? left % 1000000000 : 0};
		int got = epoll_pwait2(ep, events, 256, &wait, NULL);
		if (got < 0 && errno != EINTR)
			die("epoll_pwait2");
		for (int k = 0; k < got; k++)
			answer(events[k].data.u32);
	}
	printf("beats %llu late %llu wrong %llu ended %llu\n", (unsigned long long)beats, (unsigned long long)late,
	       (unsigned long long)wrong, (unsigned long long)ended);
	return 0;
}
