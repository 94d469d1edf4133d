package database

import (
	"errors"
	"net/url"
	"strings"
)

// errEncode is the error of a URL in which a password, most likely, holds a
// character that means something else there.
var errEncode = errors.New("it is not a valid URL; most likely the password holds a character that has to be percent-encoded in a URL: " +
	"% is written %25, / is %2F, ? is %3F, # is %23, @ is %40, : is %3A, & is %26, = is %3D, a space is %20")

// readAddressURL takes apart what follows the scheme of a URL.
//
// User and password end at the last @ of the part before the path, as no host has an
// @ in its name. So an @ in a password does no harm; but one that comes later means
// that the password has a / or a ?, and that what was taken for host, port, database
// or parameter is a part of it: then nothing of the address may be used or shown.
func readAddressURL(rest string) (*address, error) {
	a := &address{}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	first := max(0, strings.IndexByte(authority, '@'))
	if i := strings.IndexByte(authority[first:], '?'); i >= 0 { // no path, or one of a parameter
		authority, path = rest[:first+i], rest[first+i:]
	}
	at := strings.LastIndexByte(authority, '@')
	if at >= 0 {
		user, password, given := strings.Cut(authority[:at], ":")
		if !a.add("user", user) || given && !a.add("password", password) {
			return nil, errEncode
		}
	}
	if err := a.readHosts(authority[at+1:]); err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(path, "?")
	name := strings.TrimPrefix(path, "/")
	if strings.ContainsAny(name, "@#") || !a.add("database", name) {
		return nil, errEncode
	}
	return a, a.readQuery(query, at >= 0)
}

// add adds a setting that is percent-encoded, unless it is empty. It returns false if
// the encoding is not valid.
func (a *address) add(name, encoded string) bool {
	value, err := url.PathUnescape(encoded)
	if err != nil || strings.ContainsRune(value, 0) {
		return false
	}
	if value != "" {
		a.settings = append(a.settings, setting{name, value})
	}
	return true
}

// readHosts reads one host or several, each maybe with its port.
func (a *address) readHosts(list string) error {
	var hosts, ports []string
	for part := range strings.SplitSeq(list, ",") {
		var host, port string
		if inner, after, ok := strings.Cut(strings.TrimPrefix(part, "["), "]"); ok && strings.HasPrefix(part, "[") {
			host, port = inner, after // an IPv6 address
			if port != "" && !strings.HasPrefix(port, ":") {
				return errEncode
			}
			port = strings.TrimPrefix(port, ":")
		} else {
			host, port, _ = strings.Cut(part, ":")
		}
		if strings.ContainsAny(host, "#\\ \"<>^`{|}") || strings.Trim(port, "0123456789") != "" || len(port) > 5 {
			return errEncode
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	if !a.add("host", strings.Join(hosts, ",")) {
		return errEncode
	}
	if joined := strings.Join(ports, ","); strings.Trim(joined, ",") != "" {
		a.add("port", joined)
	}
	return nil
}

// readQuery reads the parameters of a URL. An @ in a parameter is most likely the one
// that ends a password, unless it is in the user or the password that stand here.
func (a *address) readQuery(query string, userNamed bool) error {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case pair == "":
			continue
		case !ok, strings.ContainsAny(name, "@/:#? "), strings.Contains(value, "@") && (userNamed || name != "user" && name != "password"):
			return errEncode
		}
		if name, err := url.PathUnescape(name); err != nil || !parameterName.MatchString(name) || !a.add(name, value) {
			return errEncode
		}
	}
	return nil
}
