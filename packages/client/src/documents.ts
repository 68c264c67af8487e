/** The GraphQL documents that this package sends. */

/** All that a front end shows of a job. */
export const JOB = `{__typename id status version queuePosition waitingReason createdAt updatedAt finishedAt reference metadata history{version status at source note}result{url archived contentType byteSize downloadUrl thumbnailUrl}error{code message retryable audience userMessage}...on FaceSwapJob{sourceImage{path}targetImage{path}}...on FaceSwapPlusJob{sourceUrl targetUrl}}`;

export const SUBMIT = {
  submit: `mutation($input:SubmitFaceSwapInput!){answer:submitFaceSwap(input:$input){job{...on Job${JOB}}}}`,
  submitPlus: `mutation($input:SubmitFaceSwapPlusInput!){answer:submitFaceSwapPlus(input:$input){job{...on Job${JOB}}}}`,
};
export const READ_JOB = `query($id:ID!){answer:job(id:$id)${JOB}}`;
export const READ_JOBS = `query($first:Int,$after:String,$filter:JobFilter){answer:jobs(first:$first,after:$after,filter:$filter){edges{node${JOB}}pageInfo{endCursor hasNextPage}}}`;
export const CANCEL_JOB = `mutation($id:ID!){answer:cancelJob(id:$id)${JOB}}`;
export const DELETE_JOB = 'mutation($id:ID!){answer:deleteJob(id:$id)}';
export const CREATE_FOLLOW_TOKEN =
  'mutation($id:ID!,$seconds:Int!){answer:createFollowToken(jobId:$id,expiresInSeconds:$seconds){token expiresAt}}';
export const DETECT_FACES =
  'query($input:DetectFacesInput!){answer:detectFaces(input:$input){frames{index timeSeconds faces{landmarks{x y}opts faceUrl region{x y width height}cropRegion{x y width height}}}}}';
export const CREATE_UPLOAD =
  'mutation($input:CreateUploadInput!){answer:createUpload(input:$input){upload{id url contentType byteSize width height durationSeconds sha256 putUrl headers{name value}}}}';
export const FOLLOW_JOB = `subscription($id:ID!,$after:Int){answer:jobUpdated(id:$id,afterVersion:$after,untilArchived:true)${JOB}}`;
export const FOLLOW_JOBS = `subscription($after:String){answer:jobsChanged(after:$after){kind cursor deletedId job${JOB}}}`;
