//! The PROXY protocol, versions 1 and 2, as HAProxy specifies it.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
};

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads a header and not a byte more. Gives whom the proxy speaks for, unless for itself.
pub(super) async fn read<R>(io: &mut R) -> io::Result<Option<SocketAddr>>
where
    R: AsyncRead + Unpin,
{
    let mut header = vec![0; SIGNATURE.len()];
    io.read_exact(&mut header).await?;
    if header == SIGNATURE {
        read_binary(io, &mut header).await?;
    } else {
        read_line(io, &mut header).await?;
    }
    source(&header)
}

/// The rest of version 2: four bytes, of which the last two are how many follow.
async fn read_binary<R>(io: &mut R, header: &mut Vec<u8>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
{
    let mut head = [0; 4];
    io.read_exact(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if length > LONGEST_BINARY {
        return Err(no_header());
    }
    header.extend_from_slice(&head);
    let start = header.len();
    header.resize(start + length, 0);
    io.read_exact(&mut header[start..]).await?;
    Ok(())
}

/// The rest of version 1: a line. Byte by byte, because what follows is not ours.
async fn read_line<R>(io: &mut R, header: &mut Vec<u8>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
{
    if !header.starts_with(b"PROXY ") {
        return Err(no_header());
    }
    while !header.ends_with(b"\n") {
        if header.len() == LONGEST_LINE {
            return Err(no_header());
        }
        header.push(io.read_u8().await?);
    }
    Ok(())
}

fn source(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(tcp) => Some((tcp.source_address, tcp.source_port).into()),
            v1::Addresses::Tcp6(tcp) => Some((tcp.source_address, tcp.source_port).into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) => match (header.command, header.addresses) {
            (v2::Command::Local, _) | (_, v2::Addresses::Unspecified) => Ok(None),
            (_, v2::Addresses::IPv4(ip)) => Ok(Some((ip.source_address, ip.source_port).into())),
            (_, v2::Addresses::IPv6(ip)) => Ok(Some((ip.source_address, ip.source_port).into())),
            (_, v2::Addresses::Unix(_)) => Err(no_header()),
        },
        _ => Err(no_header()),
    }
}

fn no_header() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "no PROXY header")
}

/// Section 2.2 of the specification.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Section 2.1: with its CRLF.
const LONGEST_LINE: usize = 107;

/// Addresses are at most 216 bytes; certificates and identifiers may follow.
const LONGEST_BINARY: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The source, and what was left to read.
    async fn read_all(bytes: &[u8]) -> (io::Result<Option<SocketAddr>>, Vec<u8>) {
        let mut rest = bytes;
        let source = read(&mut rest).await;
        (source, rest.to_vec())
    }

    fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = (addresses.len() as u16).to_be_bytes();
        [
            &SIGNATURE[..],
            &[0x20 | command, family],
            &length,
            addresses,
        ]
        .concat()
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_the_rest() {
        let v4 = binary(1, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 0, 80]);
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&std::net::Ipv6Addr::from(0x2001_0db8 << 96 | 7).octets());
        v6[32..34].copy_from_slice(&443_u16.to_be_bytes());
        let with_more = binary(
            1,
            0x11,
            &[192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 0, 80, 4, 0, 1, 9],
        );
        let cases: [(Vec<u8>, Option<&str>); 8] = [
            (
                b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n".into(),
                Some("192.0.2.7:4711"),
            ),
            (
                b"PROXY TCP6 2001:db8::7 ::1 443 80\r\n".into(),
                Some("[2001:db8::7]:443"),
            ),
            (b"PROXY UNKNOWN\r\n".into(), None),
            (v4, Some("192.0.2.7:4711")),
            (binary(1, 0x21, &v6), Some("[2001:db8::7]:443")),
            (with_more, Some("192.0.2.7:4711")),
            (binary(0, 0, &[]), None),
            (binary(1, 0, &[1, 2, 3]), None),
        ];
        for (header, expected) in cases {
            let bytes = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            let (source, rest) = read_all(&bytes).await;

            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(source.unwrap(), expected, "{header:?}");
            assert_eq!(rest, b"GET / HTTP/1.1\r\n", "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_an_error() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let cases: [&[u8]; 9] = [
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\n",
            b"PROXY TCP4 192.0.2.777 10.0.0.1 4711 80\r\n",
            b"PROXY TCP4 192.0.2.7",
            &long,
            &binary(1, 0x31, &[0; 216]),
            &binary(5, 0x11, &[0; 12]),
            &binary(1, 0x11, &[0; 11]),
        ];
        for bytes in cases {
            assert!(read_all(bytes).await.0.is_err(), "{bytes:?}");
        }
        let too_long = binary(1, 0x11, &[0; LONGEST_BINARY + 1]);
        assert!(read_all(&too_long).await.0.is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(tail: Vec<u8>, binary: bool) {
            let head: &[u8] = if binary { &SIGNATURE } else { b"PROXY TCP4 1" };
            let bytes = [head, &tail].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(read_all(&bytes));
        }
    }
}
