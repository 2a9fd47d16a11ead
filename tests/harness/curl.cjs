// What the documents use of curl: curl -sf [-H HEADER] [-r RANGE] [-o FILE] URL
const { writeFileSync } = require('node:fs');

const options = { H: [], r: [], o: [] };
const urls = [];
const words = process.argv.slice(2);
while (words.length > 0) {
  const word = words.shift();
  const [, letter] = /^-([Hro])$/.exec(word) ?? [];
  if (letter) options[letter].push(words.shift());
  else if (word !== '-sf') urls.push(word);
}

async function main() {
  const headers = options.H.map((header) => header.split(/:\s*/));
  if (options.r[0]) headers.push(['range', `bytes=${options.r[0]}`]);
  const response = await fetch(urls[0], { headers });
  const body = Buffer.from(await response.arrayBuffer());
  if (!response.ok) process.exit(22);
  if (options.o[0]) writeFileSync(options.o[0], body);
  else process.stdout.write(body);
}

main().catch((error) => {
  process.stderr.write(`curl: ${error.message}\n`);
  process.exitCode = 7;
});
