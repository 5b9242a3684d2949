//! What the command prints of itself.

pub(crate) const USAGE: &str = "\
portcullis: tools for an HTTP edge

usage: portcullis siege URL [options]
       portcullis key new [--id ID] [--scope SCOPE].. [options]
       portcullis key check < FILE
       portcullis audit verify FILE [--key env:NAME] [--anchor LINES:HASH]

  siege URL          attacks a running server, and reports which lines of the checklist hold;
                     see `portcullis siege --help`
  key new            creates an API key, prints it once, and the line that a server needs;
                     see `portcullis key --help`
  key check          tells whether a key is well-formed, and its id
  audit verify FILE  tells whether a file of audit events is whole, or which line is not;
                     exit code: 0 whole, 1 broken, 2 it could not run
    --key env:NAME   the variable that has the key it was written with
    --anchor ANCHOR  how far it must go, as the server's log had it: LINES:HASH
  help               prints this
  --version          prints which version this is
";

pub(crate) const KEY_USAGE: &str = "\
portcullis key: API keys, of which a server keeps digests only

usage: portcullis key new [options]
       portcullis key check < FILE

  key new            creates a key with 256 random bits, and prints it, once, with the line that a
                     server needs: for a file of keys, and for the variable API_KEYS
    --id ID          what selects the key: 1 to 32 lowercase letters and digits (random)
    --name NAME      whose key it is (its id, or else client)
    --scope SCOPE    what it may do; more than once for several
    --tenant TENANT  to whom its owner belongs
    --prefix PREFIX  what the key begins with: 1 to 16 lowercase letters and digits (pk)
    --pepper NAME    makes the digest with the pepper in this environment variable

  key check          reads a key from standard input, and tells its id if its form and its checksum
                     are right; it is never an argument, which other programs can see.
                     exit code: 0 well-formed, 1 not
";

pub(crate) const SIEGE_USAGE: &str = "\
portcullis siege: attacks a running server, and reports which lines of the checklist hold

usage: portcullis siege URL [options]
       portcullis siege init URL [--key KEY] [--key-header NAME] [--output FILE [--force]]

  init                      attacks nothing: writes a profile of what it finds, as TOML;
                            replaces a file only with --force

what is attacked
  --profile FILE            what is known of the server, as TOML: routes, keys, limits
  --key KEY                 a valid key; `env:NAME` reads a variable
  --key-header NAME         the header that carries it (x-api-key); of `authorization` the key
                            is the whole value, such as 'Bearer ..'
  --route NAME=PATH         a route, as in the profile: body=/api/echo, limited=/api/hello
  --only IDS                only these attacks or groups: A01,D,H04
  --intensity quick|full    quick: at most 60 s (default); full: at most 600 s
  --i-own-this-target HOST  allows a server on another machine: this very host

what it may spend
  --max-seconds N  --max-requests N  --max-connections N  --max-bytes N

what comes of it
  --format text|json|junit|sarif|markdown|html
  --output FILE             writes the report there; the terminal still gets the text, in short
  --baseline FILE           an earlier report (json): shows what has changed, fails on what is worse;
                            with --only, no other attack is compared

  --list                    prints every attack
  --schema                  prints the JSON schema of a report

exit code: 0 all held that a server must hold, 1 something of it was breached, 2 it could not run,
           tested nothing, or ended early with nothing breached
";
