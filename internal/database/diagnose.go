package database

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// A diagnosis says why there is no connection, and what to do.
type diagnosis struct {
	what      string
	next      string
	permanent bool // waiting does not mend it
}

// diagnose explains an error of connecting. Such an error is made of those of all
// attempts, at several hosts and with and without TLS. It is permanent if the server
// says that it will not have this client, or if every attempt came to something
// that waiting does not mend.
func diagnose(err error) diagnosis {
	var whats []string
	var best diagnosis
	permanent, decided := true, false
	for _, attempt := range attempts(err) {
		d := diagnoseAttempt(attempt)
		if d.what = describe(attempt); !slices.Contains(whats, d.what) {
			whats = append(whats, d.what)
		}
		_, readOnly := errors.AsType[*ReadOnlyError](attempt)
		refused := d.permanent && (readOnly || Code(attempt) != "")
		permanent = permanent && d.permanent
		if best.next == "" || refused && !decided || !d.permanent && best.permanent && !decided {
			best = d
		}
		decided = decided || refused
	}
	best.what, best.permanent = strings.Join(whats, "; "), permanent || decided
	if best.next == "" {
		best.next = "is the database up, and is this its address?"
	}
	return best
}

// attempts returns the errors of the attempts to connect.
func attempts(err error) []error {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = connect.Unwrap()
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if joined, ok := inner.(interface{ Unwrap() []error }); ok {
			return joined.Unwrap()
		}
	}
	return []error{err}
}

// describe is the text of an attempt's error. pgx puts the host, its address and the
// server's words into it, and never a password.
func describe(err error) string {
	if readOnly, ok := errors.AsType[*ReadOnlyError](err); ok {
		return readOnly.Error()
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

func diagnoseAttempt(err error) diagnosis {
	if readOnly, ok := errors.AsType[*ReadOnlyError](err); ok {
		return diagnosis{next: readOnly.next(), permanent: readOnly.permanent()}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return diagnoseServer(pg)
	}
	if d := diagnoseTLS(err); d.next != "" {
		return d
	}
	if d := diagnoseDemands(err); d.next != "" {
		return d
	}
	return diagnoseNetwork(err)
}

// demands are the next steps where the address demands more than the server offers. pgx
// has no types for them.
var demands = []struct{ says, next string }{
	{"channel binding required", "the server offers no channel binding, which the address demands (channel_binding=require): it needs TLS up to Postgres itself, without a pooler that ends it, " +
		"and a password that is stored for SCRAM (password_encryption = scram-sha-256, then set the password anew); have that done there, or set channel_binding=prefer in the address"},
	{"authentication method requirement", "the server asks for a kind of proof that require_auth in the address rules out: change pg_hba.conf there, or require_auth"},
	{"sslcertmode check failed", "the server did not ask for the certificate that sslcertmode=require in the address demands: change pg_hba.conf there (clientcert), or set sslcertmode=allow"},
}

func diagnoseDemands(err error) diagnosis {
	for _, d := range demands {
		if strings.Contains(err.Error(), d.says) {
			return diagnosis{next: d.next, permanent: true}
		}
	}
	return diagnosis{}
}

// diagnoseTLS explains why a connection could not be encrypted.
func diagnoseTLS(err error) diagnosis {
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case errors.Is(err, errNotPostgres):
		return diagnosis{next: "correct host and port; Postgres is most often at port 5432, a pooler at 6432 or 6543", permanent: true}
	case authority:
		return diagnosis{next: "name the file with the authority's certificate (sslrootcert=…), or encrypt without a check of the certificate (sslmode=require)", permanent: true}
	case name:
		return diagnosis{next: "use the host name that the server's certificate is for, or check only its authority (sslmode=verify-ca)", permanent: true}
	case invalid, verification:
		return diagnosis{next: "renew the server's certificate, or encrypt without a check of it (sslmode=require)", permanent: true}
	case record:
		return diagnosis{next: "the server does not speak TLS at once: take sslnegotiation=direct out of the address", permanent: true}
	case strings.Contains(err.Error(), "server refused TLS connection"): // pgx has no type for it
		return diagnosis{next: "the server does not speak TLS: switch it on there (ssl = on), or, if the network is trusted, set sslmode=disable in the address", permanent: true}
	}
	return diagnosis{}
}

// diagnoseNetwork explains why a server was not reached. All of that may pass.
func diagnoseNetwork(err error) diagnosis {
	dns, lookup := errors.AsType[*net.DNSError](err)
	operation, dial := errors.AsType[*net.OpError](err)
	switch {
	case lookup && dns.IsNotFound:
		return diagnosis{next: "the name of the host has no address: is it spelt right? (the name of a container is known only inside its network)"}
	case lookup:
		return diagnosis{next: "the name of the host cannot be looked up: does this machine's DNS answer?"}
	case dial && isIPv6(operation.Addr) && (errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL)):
		return diagnosis{next: "the host has an IPv6 address only, and this machine has no way there: use an address with IPv4, like that of the pooler (Supabase: host ….pooler.supabase.com, port 5432)"}
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		return diagnosis{next: "nothing answers there in time: are host and port right, and does a firewall let this machine through?"}
	}
	return diagnosis{}
}

func isIPv6(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.To4() == nil && len(tcp.IP) == net.IPv6len
}
