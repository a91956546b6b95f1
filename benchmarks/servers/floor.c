/* The floor: what the kernel alone costs. One thread, epoll, one send() for each delivery; no sign-in, no rights, no
   history, no back-pressure. It does as benchmarks/servers/__init__.py says. Arguments: the bytes of an event,
   the two listening sockets. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOMS = 4096, SOCKETS = 65536, HEAD = 2048, MOST = 65535 };

struct room { int *members; int count, size; };

static struct room rooms[ROOMS];
static char heads[SOCKETS][HEAD]; /* requests while they arrive; pages that nobody touches cost nothing */
static int filled[SOCKETS], ready[SOCKETS];
static int epoll, control = -1;
static int payload;
static unsigned char frame[4 + MOST];

static void watch(int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void welcome(int listener, int is_control)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0 || fd >= SOCKETS)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (is_control)
        control = fd;
    filled[fd] = ready[fd] = 0;
    watch(fd);
}

static void enter(int fd)
{
    static const char answer[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    char *end = strstr(heads[fd], " HTTP/1.1");
    struct room *room = &rooms[end ? strtoul(end - 12, NULL, 10) % ROOMS : 0];
    if (room->count == room->size)
        room->members = realloc(room->members, sizeof(int) * (room->size = room->size ? room->size * 2 : 4));
    room->members[room->count++] = fd;
    ready[fd] = 1;
    send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
}

static void deliver(uint64_t number, uint64_t nanoseconds)
{
    struct room *room = &rooms[number % ROOMS];
    int written = snprintf((char *)frame + 4, payload, "[{\"type\":\"delta\",\"text\":\"~%019llu",
                           (unsigned long long)nanoseconds);
    memset(frame + 4 + written, 'x', payload - written - 3);
    memcpy(frame + 4 + payload - 3, "\"}]", 3);
    for (int index = 0; index < room->count; index++)
        send(room->members[index], frame, 4 + payload, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void obey(void)
{
    static unsigned char buffer[65536];
    static size_t held;
    ssize_t got = recv(control, buffer + held, sizeof buffer - held, 0);
    if (got <= 0)
        exit(0);
    held += got;
    size_t at = 0;
    for (; at + 16 <= held; at += 16) {
        uint64_t trigger[2];
        memcpy(trigger, buffer + at, 16);
        deliver(trigger[0] & ~(1ULL << 63), trigger[1]);
    }
    memmove(buffer, buffer + at, held -= at);
}

static void hear(int fd)
{
    static char scrap[65536];
    ssize_t got;
    if (ready[fd]) {
        got = recv(fd, scrap, sizeof scrap, 0);
    } else {
        got = recv(fd, heads[fd] + filled[fd], HEAD - 1 - filled[fd], 0);
        if (got > 0) {
            heads[fd][filled[fd] += got] = 0;
            if (strstr(heads[fd], "\r\n\r\n"))
                enter(fd);
        }
    }
    if (got == 0 || (got < 0 && errno != EAGAIN))
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

int main(int count, char **arguments)
{
    if (count != 4 || (payload = atoi(arguments[1])) < 126 || payload > MOST)
        return 2;
    int clients = atoi(arguments[2]), orders = atoi(arguments[3]);
    struct epoll_event events[256];
    epoll = epoll_create1(0);
    frame[0] = 0x81, frame[1] = 126, frame[2] = payload >> 8, frame[3] = payload & 255;
    watch(clients);
    watch(orders);
    for (;;) {
        int found = epoll_wait(epoll, events, 256, -1);
        for (int index = 0; index < found; index++) {
            int fd = events[index].data.fd;
            if (fd == clients || fd == orders)
                welcome(fd, fd == orders);
            else if (fd == control)
                obey();
            else
                hear(fd);
        }
    }
}
