import { build } from "esbuild"; import { gzipSync } from "node:zlib";
const code=process.argv[2];
const r=await build({stdin:{contents:code,resolveDir:process.cwd(),sourcefile:"entry.ts"},bundle:true,minify:true,format:"esm",platform:"neutral",target:"es2022",mainFields:["module","main"],external:["node:*","bun:*","@redis/client","node-zookeeper-client","postgres"],splitting:true,outdir:"out",write:false,metafile:true,logLevel:"silent"});
for(const [p,o] of Object.entries(r.metafile.outputs)){ const f=r.outputFiles.find(x=>x.path.endsWith(p)); console.log("##",p,o.bytes,gzipSync(f.contents,{level:9}).length, o.entryPoint??"");
 for(const [i,v] of Object.entries(o.inputs).sort((a,b)=>b[1].bytesInOutput-a[1].bytesInOutput)) console.log("   ",v.bytesInOutput,i);
 if(process.argv[3]) console.log(new TextDecoder().decode(f.contents));}
