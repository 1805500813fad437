package limit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// connectTime is how long a connection to Redis may take to open, and to answer
// a sign of life.
const connectTime = time.Second

// parseURL reads where Redis is:
//
//	redis://[user:password@]host[:port][,host[:port]…][/db]
//	rediss://…                            over TLS
//	redis+sentinel://[user:password@]host[:port][,…]/master[/db]
//	rediss+sentinel://…
//	unix://[user:password@]/path/to/socket[?db=n]
//
// A server that is part of a cluster is noticed, and tells of the others; of a
// cluster or of sentinels give several, so that one may be away. Sentinels with a
// password of their own have it in ?sentinel_password= (and ?sentinel_user=).
// Errors don't have the URL in them, which may hold a password.
func parseURL(s string) (rueidis.ClientOption, error) {
	// net/url takes several hosts, but with the first one's port for all.
	scheme, rest, _ := strings.Cut(s, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@') + 1
	hosts := rest[at:end]
	u, err := url.Parse(scheme + "://" + rest[:at] + "host" + rest[end:])
	if err != nil {
		return rueidis.ClientOption{}, errors.New("the Redis URL does not parse: write it as redis://[user:password@]host:port[/db], with special characters of the password as %XX")
	}
	opt := rueidis.ClientOption{
		Dialer:           net.Dialer{Timeout: connectTime},
		ConnWriteTimeout: connectTime,
		DisableCache:     true, // nothing is cached here, which frees it from keeping track
		DisableRetry:     true, // who retries is decided here
		// One connection to a server, on which what comes later runs later.
		PipelineMultiplex: -1,
		AlwaysPipelining:  true,
		Username:          u.User.Username(),
	}
	opt.Password, _ = u.User.Password()
	base, sentinel := strings.CutSuffix(u.Scheme, "+sentinel")
	switch {
	case base == "rediss":
		opt.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	case base == "unix" && !sentinel:
		return unixOption(opt, hosts, u)
	case base != "redis":
		return opt, fmt.Errorf("the Redis URL begins with %q: it can be redis, rediss, redis+sentinel, rediss+sentinel or unix", u.Scheme)
	}
	for host := range strings.SplitSeq(hosts, ",") {
		addr, err := address(host, sentinel)
		if err != nil {
			return opt, err
		}
		opt.InitAddress = append(opt.InitAddress, addr)
	}
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	if sentinel {
		if path[0] == "" {
			return opt, errors.New("the Redis URL names no master: write it as redis+sentinel://host:port/master")
		}
		opt.Sentinel = rueidis.SentinelOption{
			Dialer: opt.Dialer, TLSConfig: opt.TLSConfig, MasterSet: path[0],
			Username: u.Query().Get("sentinel_user"), Password: u.Query().Get("sentinel_password"),
		}
		path = path[1:]
	}
	if len(path) > 1 {
		return opt, errors.New("the Redis URL has too long a path: it takes a database's number")
	}
	db := strings.Join(path, "")
	opt.SelectDB, err = database(db)
	return opt, err
}

func unixOption(opt rueidis.ClientOption, hosts string, u *url.URL) (rueidis.ClientOption, error) {
	if hosts != "" || u.Path == "" {
		return opt, errors.New("the Redis URL names no socket: write it as unix:///path/to/socket")
	}
	opt.InitAddress = []string{u.Path}
	opt.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
		return d.DialContext(ctx, "unix", addr)
	}
	var err error
	opt.SelectDB, err = database(u.Query().Get("db"))
	return opt, err
}

func database(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("the Redis URL has %q where it takes a database's number", s)
	}
	return n, nil
}

// address completes a host with the port that it has by default.
func address(host string, sentinel bool) (string, error) {
	port := "6379"
	if sentinel {
		port = "26379"
	}
	name := host
	if h, p, err := net.SplitHostPort(host); err == nil {
		name, port = h, p
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || name == "" {
		return "", fmt.Errorf("the Redis URL has %q where it takes host:port", host)
	}
	return net.JoinHostPort(strings.Trim(name, "[]"), port), nil
}
