package database

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What applications write into their addresses, and what is made of it.
func TestAddresses(t *testing.T) {
	t.Parallel()
	type parts struct {
		host     string
		port     uint16
		user     string
		password string
		database string
		runtime  map[string]string
		dropped  []string
	}
	none := map[string]string{}
	for address, want := range map[string]parts{
		"postgres://u:p@h:6543/db":                                         {"h", 6543, "u", "p", "db", none, nil},
		"postgresql+asyncpg://u:p@h/db?ssl=require":                        {"h", 5432, "u", "p", "db", none, nil},
		"postgres+psycopg2://u:p@h/db":                                     {"h", 5432, "u", "p", "db", none, nil},
		"jdbc:postgresql://h:1/db?user=u&password=p&currentSchema=x":       {"h", 1, "u", "p", "db", none, []string{"currentSchema"}},
		` "postgres://u:p@h/db" ` + "\n":                                   {"h", 5432, "u", "p", "db", none, nil},
		"'postgres://u:p%40s%2Fs@h/db'":                                    {"h", 5432, "u", "p@s/s", "db", none, nil},
		"postgres://u:p@ss@h/db":                                           {"h", 5432, "u", "p@ss", "db", none, nil},
		"postgres://u:p:s#s?&=^{}|\"<>@h/db":                               {"h", 5432, "u", "p:s#s?&=^{}|\"<>", "db", none, nil},
		"postgres://me@server:p@h.azure.com/db":                            {"h.azure.com", 5432, "me@server", "p", "db", none, nil},
		"postgres://u:p@[::1]:6432/db":                                     {"::1", 6432, "u", "p", "db", none, nil},
		"postgres://u:p@a:1,b:2,c:3/db":                                    {"a", 1, "u", "p", "db", none, nil},
		"postgres://u:p@/db?host=/run/postgresql":                          {"/run/postgresql", 5432, "u", "p", "db", none, nil},
		"postgres://u:p@%2Frun%2Fpostgresql/db":                            {"/run/postgresql", 5432, "u", "p", "db", none, nil},
		"host=h user=u password='p \\' \\\\ @' dbname=db port=7":           {"h", 7, "u", `p ' \ @`, "db", none, nil},
		"postgres://u:p@h/db?pgbouncer=true&connection_limit=1&schema=app": {"h", 5432, "u", "p", "db", none, []string{"pgbouncer", "connection_limit", "schema"}},
		"postgres://u:p@h/db?supa=base-pooler.x&pool_timeout=0&sslaccept=strict&keepalives=1&gssencmode=disable": {
			"h", 5432, "u", "p", "db", none, []string{"supa", "pool_timeout", "sslaccept", "keepalives", "gssencmode"},
		},
		"postgres://u:p@h/db?search_path=a,b&statement_timeout=5000&app.tenant=7&application_name=x&options=-c%20lock_timeout%3D1s&channel_binding=prefer&pool_max_conn_lifetime=1h": {
			"h", 5432, "u", "p", "db", map[string]string{
				"search_path": "a,b", "statement_timeout": "5000", "app.tenant": "7", "application_name": "x", "options": "-c lock_timeout=1s",
			}, nil,
		},
		"host=h user=u password=p dbname=db sslmode=no-verify schema=public x=y": {"h", 5432, "u", "p", "db", none, []string{"unknown keywords"}},
	} {
		cfg, dropped, err := parseURL(address)
		require.NoError(t, err, address)
		c := cfg.ConnConfig
		got := parts{c.Host, c.Port, c.User, c.Password, c.Database, c.RuntimeParams, dropped}
		require.Equal(t, want, got, address)
		require.NotContains(t, c.ConnString(), "p@ss")
	}
	cfg, _, err := parseURL("postgres://u:p@a:1,b:2,c:3/db?pool_max_conn_lifetime=2h&connect_timeout=3")
	require.NoError(t, err)
	require.Equal(t, 2*time.Hour, cfg.MaxConnLifetime)
	require.Equal(t, "c", cfg.ConnConfig.Fallbacks[len(cfg.ConnConfig.Fallbacks)-1].Host)
}

// A password that is not percent-encoded is named as the cause, and nothing of the
// address is shown.
func TestPasswordThatIsNotEncoded(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"p@ss%zz", "pa/ss", "12/34", "a%", "1?x", "1/b?c=1", "x/y@z", "1?ss=1", "?#", "/"} {
		err := ValidateURL("postgres://user:" + password + "@db.example.com:5432/app")
		if password == "1?x" || password == "1?ss=1" || password == "?#" { // as libpq, that is a password
			require.NoError(t, err, password)
			continue
		}
		require.ErrorContains(t, err, "percent-encoded", password)
		require.ErrorContains(t, err, "%25", password)
		for _, part := range []string{"user", "example", "app", "zz", "pa/", "34"} {
			require.NotContains(t, err.Error(), part, password)
		}
	}
	for _, bad := range []string{
		"", "x", "secret", "mysql://u:secret@h/db", "u:secret@h:5432/db", "u:secret@h/db?sslmode=require", "host='secret", "password=a secret", "postgres://u:secret@h:port/db",
		"postgres://u:secret@h:99999/db", "postgres://u:secret@h/db?secret", "host=h password=secret sslmode=bad", "postgres://u:secret@h/db?connect_timeout=x",
		"postgres://u:secret@h/db?target_session_attrs=x", "postgres://u:secret@[::1/db",
	} {
		err := ValidateURL(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret", bad)
	}
	require.ErrorContains(t, ValidateURL("postgres://u:s@h/db?sslmode=bad"), "sslmode")
	require.ErrorContains(t, ValidateURL("postgres://u:s@h/db?connect_timeout=x"), "connect_timeout")
}

// FuzzNoSecret: whatever a password is, it ends as the password of the configuration
// and nowhere else, or in an error that does not show any of it.
func FuzzNoSecret(f *testing.F) {
	const mark = "S3cr3tMark"
	for _, s := range []string{"", "p", "@", "/", "%", "%zz", "#?", ":", "1/b?c=1", "'", "\\", " ", "]", "[", ",", "&x=", "?host=", "\x00", "é"} {
		f.Add(s, "", byte(0))
		f.Add("", s, byte(1))
		f.Add(s, s, byte(2))
	}
	f.Fuzz(func(t *testing.T, before, after string, form byte) {
		password := before + mark + after
		if strings.Contains(password, "user=") || strings.Contains(password, "password=") || strings.Contains(password, "%75") {
			t.Skip("two addresses that nobody can tell apart")
		}
		address := []string{
			"postgres://user:%s@host.example:5432/name?sslmode=disable",
			"postgresql://user:%s@host.example/name",
			"postgres://user:%s@host.example",
			"host=host.example user=user dbname=name password=%s",
			"host=host.example user=user dbname=name password='%s'",
		}[int(form)%5]
		cfg, dropped, err := parseURL(fmt.Sprintf(address, password))
		if err != nil {
			require.NotContains(t, err.Error(), mark)
			return
		}
		c := cfg.ConnConfig
		for _, name := range dropped {
			require.NotContains(t, name, mark)
		}
		if int(form)%5 > 2 {
			return // a space or a quote may end the value, and begin a parameter
		}
		require.Contains(t, c.Password, mark)
		for _, shown := range []string{c.Host, c.User, c.Database, c.ConnString(), fmt.Sprint(c.RuntimeParams)} {
			require.NotContains(t, shown, mark)
		}
		// Well written, it arrives whole.
		cfg, _, err = parseURL("postgres://user:" + url.PathEscape(password) + "@host.example/name")
		if !strings.Contains(password, "\x00") {
			require.NoError(t, err)
			require.Equal(t, password, cfg.ConnConfig.Password)
		}
	})
}
