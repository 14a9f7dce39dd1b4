/**
 * The ways to break the framing of a message, one rule of the grammar in one place each. They are the same for requests
 * and responses.
 */
export const FRAMING_FAULTS = {
  /** Values of Transfer-Encoding that are not `chunked`, in allowed bytes. */
  codings: [
    'chunked,', ',chunked', ', chunked', 'chunked,,', 'chunked ,', 'chunked;', 'chunked;q=0', 'chunked; a=b', 'chunked a', 'x chunked',
    'identity, chunked', 'gzip,chunked', 'deflate, gzip, chunked', 'compress', 'trailers', '*', 'chunked\t,identity', '(chunked)',
    'chunked(c)', '<chunked>', 'chu nked', 'chunke', 'chunkedd', 'chunked\xa0', '\xa0chunked', '\xefchunked', 'chunked\xff',
    'chun\xe2\x84\xaaed', '\xef\xbd\x83hunked', 'chunked%00', 'chunked\\r\\n', 'transfer-encoding: chunked', 'chunked=', '=chunked',
    'chunked/1', '[chunked]', '\xad chunked', '\xc2\xa0chunked', '0', ' '
  ],
  /** Values of Transfer-Encoding with bytes that no field value has. */
  codingsWithControls: [
    'chunked\0', '\0chunked', 'chun\0ked', 'chunked\x0b', '\x0cchunked', '\x1fchunked', 'chunked\x7f', 'chunked\x1b', '\x01chunked',
    '\x08', 'chunked \x0c'
  ],
  /** Names like Transfer-Encoding that no field has. */
  codingNames: [
    'Transfer-Encoding ', 'Transfer-Encoding\t', ' Transfer-Encoding', '\tTransfer-Encoding', 'Transfer-Encoding\0',
    '\0Transfer-Encoding', 'Transfer-Encoding\x0b', 'Transfer-Encoding\x7f', '\x80Transfer-Encoding', '\xa0Transfer-Encoding',
    '\xef\xbb\xbfTransfer-Encoding',
    'Transfer(Encoding', 'Transfer/Encoding', '"Transfer-Encoding"', '[Transfer-Encoding]', 'Transfer-Encoding,', 'Transfer-Encoding;',
    'Transfer-Encoding=', '@Transfer-Encoding', '{Transfer-Encoding}', 'Transfer-Encod\xc3\xadng', 'Transfer-Encoding\r', 'Transfer-\nEncoding',
    'Transfer-\r\nEncoding', '\nTransfer-Encoding', '\rTransfer-Encoding', 'Transfer-Encoding\r\n', 'Transfer-Encoding \t ',
    'Trans\x08fer-Encoding', '<Transfer-Encoding>', '?Transfer-Encoding'
  ],
  /** Names of other fields, which no reader may take for Transfer-Encoding. */
  otherNames: [
    'Transfer_Encoding', 'TRANSFER_encoding', 'Transfer.Encoding', 'Transfer-Encodin', 'X-Transfer-Encoding', 'Transfer-Encoding-',
    'Transfer--Encoding', '-Transfer-Encoding', 'TransferEncoding', 'Content-Transfer-Encoding', "Transfer-Encoding'",
    '|Transfer-Encoding', '~Transfer-Encoding', 'Transfer-Encoding0', 'Transfer+Encoding', 'Transfer%2dEncoding', 'Transfer:Encoding',
    'Transfer-Encoding\x2a', 'TE'
  ],
  /** Values of Content-Length that are none, with its next lines where the fault is there. */
  lengths: [
    '+5', '-5', '5,', '5,,5', '5, 5,', ',5', '5, 6', '5, 5, 6', '5;5', '5, x', '5, +5', '5\x0b, 5', '5;', '5;a=b', '5 5', '5\t5', '0x5', '0b101', '0o5', '5e0', '5E0', '5.0', '5.', '.5', '0_5',
    '5_', '5L', '5n', 'V', '\xef\xbc\x95', '\xd9\xa5', '\xc2\xb5', '5\xa0', '\xa05', '5\x85', '"5"', "'5'", '(5)', '5#', '5%', '%35',
    '5\\', '', ' ', '5\0', '\x005', '\x0b5', '5\x0c', '5\x7f', '9007199254740992', '18446744073709551621', '36893488147419103237', '-0',
    '+0', 'NaN', 'Infinity', 'null', 'chunked', '5'.repeat(400), '5\r\n 0', '\r\n 5', '5\n', '5\r', '5, 0', '0, 5',
    '5\r\nContent-Length: 6', '5, 5\r\nContent-Length: 6', '5\r\nContent-Length: 5\r\nContent-Length: 50', '0\r\nContent-Length: 5', '5\r\nContent-Length:', '5\r\nContent-Length : 0',
    '5\r\n Content-Length: 0', '5\r\nX: y\nContent-Length: 0'
  ],
  /** Values of Content-Length that say the same number again. */
  lengthsAgain: [
    '5,5', '5, 5', ' 5\t,\t5 ', '5, 05', '5,5,5,5', '5\r\nContent-Length: 5', '5\r\ncontent-length: 5\r\nCONTENT-LENGTH: 5',
    '05\r\nContent-Length: 5', '5, 5\r\nContent-Length: 5', '5\r\nContent-Length: 5, 5', '5\r\nX: y\r\nContent-Length: 5'
  ],
  /** Chunk sizes and extensions that are none, before data of 3 bytes. */
  chunkSizes: [
    '0x3', '0X3', '+3', '-3', ' 3', '\t3', '3 x', '3 3', '3\tx', '3 \n', '3 \r\r', '3 =a', '3 ,', '3 \0', '0_3', '3_', '3Z', '3g', '3.0', '"3"', '3,', '3\0', '\x003', '3\x0b',
    '3\x0c', '3\xa0', '\xa03', '\xef\xbc\x93', '3\x85', '3h', '', 'x', '%33', '(3)', '3/', '3;', '3 ;', '3 ; ', '3 ;;a', `3${' '.repeat(20_000)};a`, '3; ', '3;;a', '3;=b',
    '3;a=', '3; a b', '3;a="', '3;a="x', '3;a="x"y', '3;a=b=c', '3;\0', '3;a\x7f', '3;a=\x01', '3;\xe9', '3;a="\0"', '3;"q"', '3;a,b',
    '3;a="x\ny"', '3;a="x\ry"', '3;a\n', '3;a\rb', '3\r', '3\r;a', '3\n;a', '10000000000000003', '20000000000003', '00000000000003',
    'ffffffffffffffff', '-1', '3;a=b;', `3;${'a'.repeat(20_000)}`
  ],
  /** The same size with white space behind it, and nothing else. */
  paddedSizes: ['3 ', '3\t', '3  ', '3 \t ', '003 ', `3${' '.repeat(100)}`],
  /** With white space before an extension, as RFC 9112 section 7.1.1 has it. */
  spacedExtensions: ['3 ;a', '3\t;a', '3  ;a=b', '3 ; a = b', '3 \t; a ;b', `3${' '.repeat(100)};a`],
  /** Chunked bodies with a fault outside of the size. */
  chunkedBodies: [
    '3\nabc\r\n0\r\n\r\n', '3\r\nabc\n0\r\n\r\n', '3\r\nabc\r0\r\n\r\n', '3\r\nabc0\r\n\r\n', '3\r\nabcd\r\n0\r\n\r\n',
    '3\r\nab\r\n0\r\n\r\n', '3\r\nabc\r\n\r\n0\r\n\r\n', '3\r\nabc\n\r0\r\n\r\n', '3\r\nabc\r\r\n0\r\n\r\n', '3\r\nabc\r\n0\n\n',
    '0\n\r\n', '0\r\n\n', '3\rabc\r\n0\r\n\r\n', '\r\n3\r\nabc\r\n0\r\n\r\n', '\n0\r\n\r\n', '0\r\r\n\r\n', '0\r\n\r\r\n', '0;a\n\r\n',
    '0 x\r\n\r\n', '0\r\nX: y\n\r\n', '0\r\nX\r\n\r\n', '0\r\n X: y\r\n\r\n', '0\r\nX : y\r\n\r\n', '0\r\n: y\r\n\r\n',
    '0\r\nX: y\r\n z\r\n\r\n', '0\r\nX: \0\r\n\r\n', '0\r\n\rX: y\r\n\r\n', '0\r\nX: y\rZ: a\r\n\r\n', '0\r\nX\0: y\r\n\r\n',
    '0\r\nX: y\r\n\n', '5\r\nabc\r\n0\r\n\r\n', '2\r\nabc\r\n0\r\n\r\n', '3\r\n\r\nabc\r\n0\r\n\r\n', '0\r\nGET /inner HTTP/1.1\r\n\r\n'
  ]
} as const
