package database

import (
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// waits are the next steps for errors of a server that may serve later, by SQLSTATE.
var waits = map[string]string{
	TooManyConnections: "the server has no connection left: raise max_connections, or end sessions that nobody needs",
	CannotConnectNow:   "the server starts, stops or recovers; it will answer when it is done",
}

// refusals are the next steps for errors that waiting does not mend, by SQLSTATE.
var refusals = map[string]string{
	InvalidPassword:                   "check user and password in the address; in a URL the characters % / ? # of a password are percent-encoded: %25 %2F %3F %23",
	InvalidAuthorizationSpecification: "check user and database in the address; or let pg_hba.conf admit them from this machine, with TLS or without as in sslmode",
	InvalidCatalogName:                "create the database, or correct its name in the address",
	InsufficientPrivilege:             "grant the role of the address the right to connect (GRANT CONNECT ON DATABASE … TO …), or take the parameter that it may not set out of the address",
	UndefinedObject:                   "the server does not know a parameter of the address (or of PGOPTIONS): correct or remove it",
	InvalidParameterValue:             "the server does not take the value of a parameter of the address (or of PGOPTIONS): correct or remove it",
	CantChangeRuntimeParam:            "a session may not set this parameter: take it out of the address (or of PGOPTIONS)",
}

// poolerRefusals are next steps for what poolers say under codes that mean much else.
var poolerRefusals = []struct {
	says *regexp.Regexp
	next string
}{
	{regexp.MustCompile(`(?i)tenant.*not found`), "Supabase's pooler knows a user as postgres.PROJECT-REF, like postgres.abcdefghijklmnopqrst: take user and host from the project's page; a project that is paused has to be restored first"},
	{regexp.MustCompile(`unsupported startup parameter`), "the pooler does not pass this parameter on: take it out of the address, or add it to the pooler's ignore_startup_parameters"},
	{regexp.MustCompile(`no such database`), "the pooler does not know the database: correct its name in the address, or add it to the pooler's configuration"},
	{regexp.MustCompile(`no such user|authentication failed`), "check user and password in the address, and the pooler's list of users"},
}

// diagnoseServer explains what a server or a pooler answered to the wish to connect.
func diagnoseServer(pg *pgconn.PgError) diagnosis {
	if next := refusals[pg.Code]; next != "" {
		return diagnosis{next: next, permanent: true}
	}
	for _, refusal := range poolerRefusals {
		if (pg.Code == ProtocolViolation || strings.HasPrefix(pg.Code, "XX")) && refusal.says.MatchString(pg.Message) {
			return diagnosis{next: refusal.next, permanent: true}
		}
	}
	return diagnosis{next: waits[pg.Code]}
}
