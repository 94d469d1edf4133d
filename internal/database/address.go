package database

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// An address is what DATABASE_URL says: a libpq URL or keyword string, taken apart
// here, because errors of a parser quote what they could not parse, and no filter
// finds every form of a password in a text. The text of an error is ours and quotes
// nothing of the address; the password reaches pgx as a field, never in a string.
//
// What other programs write into their addresses is understood or left out: the
// driver in the scheme, quotes around the whole, parameters of their own.
type address struct {
	settings []setting // in the order of the address; the last one of a name counts
	keyword  bool      // it is a keyword string: after a password without quotes, a name may be a part of it
	dropped  []string  // names of parameters that no server and no client of Postgres knows
}

// A setting is a parameter of a connection, by libpq's name.
type setting struct{ name, value string }

// parseURL returns the configuration of a pool and the names of the parameters that
// were left out. Its errors hold no part of the address's secrets.
func parseURL(text string) (cfg *pgxpool.Config, dropped []string, err error) {
	a, err := readAddress(text)
	if err != nil {
		return nil, nil, err
	}
	a.clean()
	password, passwordGiven := a.take("password")
	sslPassword, _ := a.take("sslpassword")
	cfg, err = pgxpool.ParseConfig(a.keywords())
	if err != nil && sslPassword != "" { // it opens sslkey; the error quotes no parameter
		if cfg, err = pgxpool.ParseConfig(keywords(append(a.settings, setting{"sslpassword", sslPassword}))); err != nil {
			return nil, nil, errors.New("sslkey, sslpassword or another parameter is of no use; check each of them")
		}
	}
	if err != nil {
		return nil, nil, errors.New(parseReason(err))
	}
	if passwordGiven {
		cfg.ConnConfig.Password = password
	}
	return cfg, a.dropped, nil
}

// parseReason is the reason in pgx's error about an address without passwords: what
// follows the address itself.
func parseReason(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		text = text[i+len("`: "):]
	}
	return text
}

// readAddress takes an address apart.
func readAddress(text string) (*address, error) {
	text = strings.TrimSpace(text)
	for _, quote := range []string{`"`, `'`} { // of an env file that nobody unquoted
		if len(text) > 1 && strings.HasPrefix(text, quote) && strings.HasSuffix(text, quote) {
			text = strings.TrimSpace(text[1 : len(text)-1])
		}
	}
	text = strings.TrimPrefix(text, "jdbc:")
	switch scheme, rest, isURL := strings.Cut(text, "://"); {
	case strings.ContainsRune(text, 0):
		return nil, errors.New("there is a NUL byte in it")
	case isURL && schemeOfPostgres(scheme):
		return readAddressURL(rest)
	case isURL && !strings.Contains(scheme, "="):
		return nil, errors.New("it is not the address of a Postgres database, which begins with postgres:// or postgresql://")
	case !strings.Contains(text, "="):
		return nil, errors.New("it is neither a URL, like postgres://user:password@host:5432/name, nor a keyword string, like host=… dbname=…")
	}
	return readKeywords(text)
}

// schemeOfPostgres reports whether a scheme says Postgres, maybe with the driver that
// another program should use, as in postgresql+asyncpg.
func schemeOfPostgres(scheme string) bool {
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	return slices.Contains([]string{"postgres", "postgresql", "pgsql", "postgis"}, name)
}

// clean translates what other clients call otherwise, and leaves out what no client
// of Postgres knows.
func (a *address) clean() {
	var kept []setting
	for _, s := range a.settings {
		s = translate(s)
		switch {
		case knownParameter(s.name):
			kept = append(kept, s)
		case a.keyword:
			s.name = "unknown keywords"
			fallthrough
		default:
			a.drop(s.name)
		}
	}
	a.settings = kept
}

func (a *address) drop(name string) {
	if !slices.Contains(a.dropped, name) {
		a.dropped = append(a.dropped, name)
	}
}

// translate gives the libpq form of a parameter that other clients write otherwise.
func translate(s setting) setting {
	switch {
	case s.name == "dbname":
		s.name = "database"
	case s.name == "username":
		s.name = "user"
	case s.name == "ssl" && slices.Contains([]string{"true", "1", "on", "yes"}, s.value):
		return setting{"sslmode", "require"}
	case s.name == "ssl" && slices.Contains([]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, s.value):
		s.name = "sslmode"
	case s.name == "sslmode" && s.value == "no-verify": // node-postgres
		s.value = "require"
	}
	return s
}

// take removes a setting and returns its last value.
func (a *address) take(name string) (value string, given bool) {
	a.settings = slices.DeleteFunc(a.settings, func(s setting) bool {
		if s.name == name {
			value, given = s.value, true
		}
		return s.name == name
	})
	return value, given
}

func (a *address) keywords() string { return keywords(a.settings) }

// keywords writes settings as a keyword string, each name once.
func keywords(settings []setting) string {
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var parts []string
	for i, s := range settings {
		if !slices.ContainsFunc(settings[i+1:], func(later setting) bool { return later.name == s.name }) {
			parts = append(parts, fmt.Sprintf("%s='%s'", s.name, escape.Replace(s.value)))
		}
	}
	return strings.Join(parts, " ")
}
